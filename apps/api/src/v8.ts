import { setFlagsFromString } from 'node:v8';

// Frames with file content are megabytes that live for milliseconds. V8's defaults let such garbage pile up to hundreds
// of megabytes before they look at it; a server beside sandboxes has better uses for the memory.
setFlagsFromString('--semi-space-growth-factor=1');
setFlagsFromString('--heap-growing-percent=20');

// A call passes through hundreds of short functions once each. V8 counts loops and long functions, and would interpret
// these for the first thousands of calls. What it counts in is named otherwise since version 12.
const [majorVersion] = process.versions.v8.split('.');
setFlagsFromString(Number(majorVersion) < 12 ? '--interrupt-budget=8000' : '--invocation-count-for-turbofan=350');
