/** `node dist/test/conformance/supervisors/main.js FILES...`: traces of the supervisor and gen_server kit, for its compare.mjs. */
import { runSupervisorKit } from './runner.ts';

process.exitCode = (await runSupervisorKit(process.argv.slice(2))) === 0 ? 0 : 1;
