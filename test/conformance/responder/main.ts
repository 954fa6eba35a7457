/** Starts the responder alone: `node dist/test/conformance/responder/main.js --name N --cookie C`. */
import { serveResponder } from './responder.ts';

await serveResponder(process.argv.slice(2));
