// gateway_mock.mjs MODULES: the model emulator, with what the SDK runs ask for. Prints its address, ends with stdin.
import path from "node:path";
import { pathToFileURL } from "node:url";

const modules = process.argv[2];
const { LLMock } = await import(pathToFileURL(path.join(modules, "@copilotkit/aimock/dist/index.js")));
const mock = new LLMock({ port: 0, host: "127.0.0.1" });
mock.on({ userMessage: "say a word" }, { content: "zebrafish swims by" });
mock.on({ userMessage: "weather", turnIndex: 0 },
        { toolCalls: [{ name: "weather", arguments: JSON.stringify({ city: "Zürich", days: 2 }) }] });
await mock.start();
console.log(mock.url);
process.stdin.on("end", () => mock.stop().then(() => process.exit(0)));
process.stdin.resume();
