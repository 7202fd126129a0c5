// Runs the wrapper's tests in node: node page_wrapper_node.mjs ADDRESS-OF-ganglion.js; prints a line a test.
import { cases } from "./page_wrapper_cases.mjs";

const [, , address] = process.argv;
let failed = 0;
for (const [name, run] of cases(await import(address), await import(new URL("machine.js", address)))) {
  try {
    await run();
    console.log(`ok: ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED: ${name}: ${error.stack}`);
  }
}
process.exit(failed ? 1 : 0);
