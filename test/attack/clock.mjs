// Loaded into a server before its own code: `Date` as it is when somebody sets the clock of the machine, which here
// would be everybody's. SIGWINCH has it read anew from CLOCK_FILE by how many ms it is wrong; CLOCK_FILE.read tells that this is done.
import { readFileSync, writeFileSync } from 'node:fs';
import process from 'node:process';

const RealDate = Date;
const read = () => Number(readFileSync(process.env.CLOCK_FILE, 'utf8'));
let wrongByMs = read();
process.on('SIGWINCH', () => {
  wrongByMs = read();
  writeFileSync(`${process.env.CLOCK_FILE}.read`, String(wrongByMs));
});

globalThis.Date = class Date extends RealDate {
  constructor(...args) {
    if (args.length === 0) super(RealDate.now() + wrongByMs);
    else super(...args);
  }

  static now() {
    return RealDate.now() + wrongByMs;
  }
};
