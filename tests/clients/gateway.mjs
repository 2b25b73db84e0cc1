// gateway.mjs MODULES: the official SDKs, configured by the environment alone, as any program that uses them is.
// One JSON line for each thing tried.
import path from "node:path";
import { createRequire } from "node:module";

const require = createRequire(path.join(process.argv[2], "x.js"));
const Anthropic = require("@anthropic-ai/sdk").default;
const OpenAI = require("openai").default;
let bad = 0;

async function tryIt(what, fn) {
  let good = false, detail = "";
  try {
    const r = await fn();
    good = r === true;
    detail = good ? "" : JSON.stringify(r);
  } catch (e) {
    detail = String(e && e.stack || e).slice(0, 400);
  }
  bad += good ? 0 : 1;
  console.log(JSON.stringify({ what, good, detail }));
}

const word = [{ role: "user", content: "say a word" }];
const ask = [{ role: "user", content: "weather" }];
const schema = { type: "object", properties: { city: { type: "string" }, days: { type: "integer" } }, required: ["city"] };
const wanted = (input) => input.city === "Zürich" && input.days === 2 ? true : input;

const anthropic = new Anthropic({ maxRetries: 0 });
await tryIt("Anthropic SDK, an answer", async () => {
  const m = await anthropic.messages.create({ model: "any", max_tokens: 50, messages: word });
  return m.content[0].text === "zebrafish swims by" && m.stop_reason === "end_turn" || m;
});
await tryIt("Anthropic SDK, a stream", async () => {
  const m = await anthropic.messages.stream({ model: "any", max_tokens: 50, messages: word }).finalMessage();
  return m.content[0].text === "zebrafish swims by" || m;
});
const tool = { name: "weather", description: "the weather", input_schema: schema };
await tryIt("Anthropic SDK, a tool call", async () => {
  const m = await anthropic.messages.create({ model: "any", max_tokens: 50, messages: ask, tools: [tool] });
  const use = m.content.find((b) => b.type === "tool_use");
  return use && m.stop_reason === "tool_use" ? wanted(use.input) : m;
});
await tryIt("Anthropic SDK, a tool call in a stream", async () => {
  const m = await anthropic.messages.stream({ model: "any", max_tokens: 50, messages: ask, tools: [tool] }).finalMessage();
  const use = m.content.find((b) => b.type === "tool_use");
  return use && m.stop_reason === "tool_use" ? wanted(use.input) : m;
});

const openai = new OpenAI({ maxRetries: 0 });
await tryIt("OpenAI SDK, chat, an answer", async () => {
  const m = await openai.chat.completions.create({ model: "any", messages: word });
  return m.choices[0].message.content === "zebrafish swims by" && m.choices[0].finish_reason === "stop" || m;
});
await tryIt("OpenAI SDK, chat, a stream", async () => {
  let text = "";
  for await (const c of await openai.chat.completions.create({ model: "any", messages: word, stream: true }))
    text += c.choices[0]?.delta?.content ?? "";
  return text === "zebrafish swims by" || text;
});
const fn = { type: "function", function: { name: "weather", description: "the weather", parameters: schema } };
await tryIt("OpenAI SDK, chat, a tool call", async () => {
  const m = await openai.chat.completions.create({ model: "any", messages: ask, tools: [fn] });
  const call = m.choices[0].message.tool_calls?.[0];
  return call && m.choices[0].finish_reason === "tool_calls" ? wanted(JSON.parse(call.function.arguments)) : m;
});
await tryIt("OpenAI SDK, chat, a tool call in a stream", async () => {
  const m = await openai.chat.completions.stream({ model: "any", messages: ask, tools: [fn] }).finalChatCompletion();
  const call = m.choices[0].message.tool_calls?.[0];
  return call ? wanted(JSON.parse(call.function.arguments)) : m;
});
await tryIt("OpenAI SDK, responses, an answer", async () => {
  const m = await openai.responses.create({ model: "any", input: "say a word" });
  return m.output_text === "zebrafish swims by" || m;
});
await tryIt("OpenAI SDK, responses, a stream", async () => {
  const m = await openai.responses.stream({ model: "any", input: "say a word" }).finalResponse();
  return m.output_text === "zebrafish swims by" || m;
});
const plain = { type: "function", name: "weather", description: "the weather", parameters: schema, strict: false };
await tryIt("OpenAI SDK, responses, a tool call", async () => {
  const m = await openai.responses.create({ model: "any", input: "weather", tools: [plain] });
  const call = m.output.find((o) => o.type === "function_call");
  return call ? wanted(JSON.parse(call.arguments)) : m;
});
await tryIt("OpenAI SDK, responses, a tool call in a stream", async () => {
  const m = await openai.responses.stream({ model: "any", input: "weather", tools: [plain] }).finalResponse();
  const call = m.output.find((o) => o.type === "function_call");
  return call ? wanted(JSON.parse(call.arguments)) : m;
});
process.exit(bad ? 1 : 0);
