// Reads /openapi.json and draws a form for each operation. Text only ever becomes text: nothing is parsed as HTML.
"use strict";

const METHODS = ["get", "post", "put", "patch", "delete", "options", "trace"];
// What fetch refuses to send.
const UNSENDABLE = ["trace"];
const SHOWN = 20000;

function make(name, properties = {}, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children.filter((child) => child !== null));
  return element;
}

let api;
const resolve = (part) => part.$ref ? part.$ref.slice(2).split("/").reduce((at, key) => at[key], api) : part;

function field(parameter) {
  const schema = parameter.schema ? resolve(parameter.schema) : {};
  const given = schema.default === undefined ? "" : String(schema.default);
  const example = schema.examples?.[0];
  const input = schema.enum && schema.enum.length < 20
    ? make("select", {}, ...(parameter.required ? [] : [make("option", { value: "", textContent: given && `${given} (default)` })]),
      ...schema.enum.map((value) => make("option", { value, textContent: value })))
    : make("input", { placeholder: given || (example ? `such as ${example}` : ""), spellcheck: false });
  if (parameter.in === "path" && example) input.value = example;
  input.required = parameter.required;
  const range = schema.type === "integer" && schema.maximum !== undefined && !schema["x-limit"] ? `: ${schema.minimum} to ${schema.maximum}` : "";
  const name = make("code", { textContent: parameter.name, className: parameter.required ? "needed" : "" });
  const row = make("label", { className: "field" }, name, input,
    make("span", { className: "does", textContent: (parameter.description || "") + range + (parameter.in === "header" ? " (header)" : "") }));
  return { parameter, input, row };
}

const shell = (text) => /^[\w./:=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;

function request(path, method, fields, body, guarded) {
  // Relative, since a proxy may have put the target below a path of its own.
  let url = path.slice(1);
  const query = [];
  const headers = {};
  for (const { parameter, input } of fields) {
    if (input.value === "") continue;
    const value = encodeURIComponent(input.value).replace(/%(2C|3A|28|29|3D)/g, (code) => decodeURIComponent(code));
    if (parameter.in === "path") url = url.replace(`{${parameter.name}}`, value);
    else if (parameter.in === "header") headers[parameter.name] = input.value;
    else query.push(`${parameter.name}=${value}`);
  }
  if (query.length) url += `?${query.join("&")}`;
  const token = document.querySelector("#token input").value;
  if (guarded && token) headers.Authorization = `Bearer ${token}`;
  const content = body && body.value !== "" && method !== "get" ? body.value : undefined;
  if (content !== undefined) headers["Content-Type"] = body.dataset.kind;
  return { url, options: { method: method.toUpperCase(), headers, body: content, cache: "no-store", redirect: "manual" } };
}

function command({ url, options }) {
  const parts = ["curl", "-i"];
  if (options.method !== "GET") parts.push("-X", options.method);
  for (const [name, value] of Object.entries(options.headers)) {
    parts.push("-H", shell(`${name}: ${name === "Authorization" ? "Bearer …" : value}`));
  }
  if (options.body !== undefined) parts.push("--data-binary", shell(options.body));
  return [...parts, shell(new URL(url, document.baseURI).href)].join(" ");
}

async function send(sent, button, answer) {
  button.disabled = true;
  const begun = performance.now();
  try {
    const response = await fetch(sent.url, sent.options);
    const bytes = new Uint8Array(await response.arrayBuffer());
    const took = `${(performance.now() - begun).toFixed(1)} ms`;
    const status = response.type === "opaqueredirect" ? "a redirect, not followed" : `${response.status} ${response.statusText}`;
    const headers = [...response.headers].map(([name, value]) => `${name}: ${value}`).join("\n");
    answer.replaceChildren(
      make("p", {}, make("b", { className: response.ok ? "good" : "bad", textContent: status }), ` in ${took}, ${bytes.length} bytes`),
      ...(headers ? [make("pre", { textContent: headers })] : []),
      ...(bytes.length ? [make("pre", { textContent: shown(bytes, response.headers.get("content-type") || "") })] : []));
  } catch (error) {
    answer.replaceChildren(make("p", {}, make("b", { className: "bad", textContent: `no answer: ${error.message}` })));
  }
  answer.hidden = false;
  button.disabled = false;
}

function shown(bytes, kind) {
  const cut = bytes.length > SHOWN ? `\n… ${bytes.length - SHOWN} bytes more` : "";
  const some = bytes.subarray(0, SHOWN);
  if (kind.startsWith("application/octet-stream")) {
    const hex = [...some.subarray(0, 512)].map((byte) => byte.toString(16).padStart(2, "0"));
    return hex.join(" ") + (bytes.length > 512 ? `\n… ${bytes.length - 512} bytes more` : "");
  }
  const text = new TextDecoder().decode(some);
  try {
    return cut ? text + cut : JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text + cut;
  }
}

function form(path, methods, operation) {
  const choice = methods.length > 1 ? make("select", {}, ...methods.map((name) => make("option", { value: name, textContent: name.toUpperCase() }))) : null;
  const method = () => choice ? choice.value : methods[0];
  const fields = (operation.parameters || []).map((parameter) => field(resolve(parameter)));
  const kind = operation.requestBody ? Object.keys(operation.requestBody.content)[0] : null;
  const body = kind ? make("textarea", { spellcheck: false }) : null;
  if (body) {
    body.dataset.kind = kind;
    const example = operation.requestBody.content[kind].example;
    if (example !== undefined) body.value = JSON.stringify(example, null, 2);
  }
  const button = make("button", { type: "submit", textContent: "Send" });
  const line = make("code", { className: "command" });
  const answer = make("div", { className: "answer", hidden: true });
  const build = () => request(path, method(), fields, body, Boolean(operation.security));
  const tell = () => {
    line.textContent = command(build());
    button.hidden = UNSENDABLE.includes(method());
  };
  const statuses = Object.entries(operation.responses).map(([code, response]) =>
    make("tr", {}, make("td", {}, make("code", { textContent: code })), make("td", { textContent: resolve(response).description })));
  const drawn = make("form", { className: "body" },
    operation.description ? make("p", { textContent: operation.description }) : null,
    choice ? make("label", { className: "field" }, make("code", { textContent: "method" }), choice) : null,
    ...fields.map(({ row }) => row),
    body ? make("label", { className: "field wide" }, make("code", { textContent: "body" }), body) : null,
    make("div", { className: "actions" }, button, line),
    answer,
    make("table", {}, make("tbody", {}, ...statuses)));
  drawn.addEventListener("input", tell);
  drawn.addEventListener("submit", (event) => {
    event.preventDefault();
    tell();
    send(build(), button, answer);
  });
  tell();
  return drawn;
}

function entry(path, methods, operation) {
  const details = make("details", {}, make("summary", {},
    make("span", { className: "method", textContent: methods.length > 1 ? "ANY" : methods[0].toUpperCase() }),
    make("code", { textContent: path }),
    make("span", { className: "what", textContent: operation.summary || "" })));
  details.dataset.words = `${methods.join(" ")} ${path} ${operation.summary}`.toLowerCase();
  // Drawn when it is first wanted.
  details.addEventListener("toggle", () => {
    if (details.open && details.children.length === 1) details.append(form(path, methods, operation));
  });
  details.id = operation.operationId;
  return details;
}

function filter(text) {
  for (const section of document.querySelectorAll("section")) {
    const all = [...section.querySelectorAll("details")];
    for (const one of all) one.hidden = !text.toLowerCase().split(/\s+/).every((word) => one.dataset.words.includes(word));
    section.hidden = all.every((one) => one.hidden);
  }
}

async function start() {
  api = await (await fetch("openapi.json")).json();
  document.title = `${api.info.title}: every route`;
  document.querySelector("h1").textContent = api.info.title;
  document.querySelector("#about").replaceChildren(`Version ${api.info.version}. ${api.info.description} `,
    make("a", { href: "openapi.json", textContent: "/openapi.json" }), " is the same for programs.");
  document.querySelector("#token").hidden = !(api.components && api.components.securitySchemes);
  const sections = new Map();
  for (const [path, item] of Object.entries(api.paths)) {
    const there = METHODS.filter((method) => item[method]);
    for (const summary of new Set(there.map((method) => item[method].summary))) {
      const methods = there.filter((method) => item[method].summary === summary);
      const operation = item[methods[0]];
      const tag = (operation.tags || ["other"])[0];
      if (!sections.has(tag)) sections.set(tag, make("section", {}, make("h2", { textContent: tag })));
      sections.get(tag).append(entry(path, methods, operation));
    }
  }
  const rank = ["profile", "workloads", "orders", "figures", "probes", "about"];
  const order = [...sections.entries()].sort(([one], [other]) => rank.indexOf(one) - rank.indexOf(other));
  document.querySelector("#routes").replaceChildren(...order.map(([, section]) => section));
  const search = document.querySelector("#search");
  search.addEventListener("input", () => filter(search.value));
  const wanted = document.getElementById(location.hash.slice(1));
  if (wanted) wanted.open = true;
}

start().catch((error) => { document.querySelector("#about").textContent = `This page can't be drawn: ${error.message}`; });
