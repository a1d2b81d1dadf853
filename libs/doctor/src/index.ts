export { CHECKS } from './checks/index.js';
export { Doctor, type DoctorOptions, type Report } from './doctor.js';
export type { Finding, Verdict } from './finding.js';
export { refusalOf, shortOf, type Tenancy } from './tenancy.js';
