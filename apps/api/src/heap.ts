import { setFlagsFromString } from 'node:v8';

// Frames with file content are megabytes that live for milliseconds. V8's defaults let such garbage pile up to hundreds
// of megabytes before they look at it; a server beside sandboxes has better uses for the memory.
setFlagsFromString('--semi-space-growth-factor=1');
setFlagsFromString('--max-semi-space-size=8');
setFlagsFromString('--heap-growing-percent=20');
