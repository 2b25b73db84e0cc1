// gateway_mock.mjs MODULES [FAULT]: the model emulator, with what the SDK runs ask for; with a FAULT it fails in that way
// each time. Prints its address, ends with stdin.
import path from "node:path";
import { pathToFileURL } from "node:url";

const modules = process.argv[2];
const { LLMock } = await import(pathToFileURL(path.join(modules, "@copilotkit/aimock/dist/index.js")));
const mock = new LLMock({ port: 0, host: "127.0.0.1" });
const faults = { cut: { chunkSize: 4, truncateAfterChunks: 3 }, drop: { chaos: { dropRate: 1 } },
                 malformed: { chaos: { malformedRate: 1 } }, disconnect: { chaos: { disconnectRate: 1 } } };
const fault = faults[process.argv[3]] ?? {};
mock.on({ userMessage: "say a word" }, { content: "zebrafish swims by" }, fault);
mock.on({ userMessage: "weather", turnIndex: 0 },
        { toolCalls: [{ name: "weather", arguments: JSON.stringify({ city: "Zürich", days: 2 }) }] },
        process.argv[3] === "cut" ? {} : fault);
await mock.start();
console.log(mock.url);
process.stdin.on("end", () => mock.stop().then(() => process.exit(0)));
process.stdin.resume();
