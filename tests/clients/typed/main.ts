// The main job in types that are made of the API's document: `main.js http://127.0.0.1:8000`.
import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";

declare const process: { argv: string[] };

type Message = components["schemas"]["Message"];

const api = createClient<paths, "application/json">({ baseUrl: process.argv[2] });

/** The body of an answer that must be a good one. */
function good<T>({ data, error, response }: { data?: T; error?: unknown; response: Response }): T {
  if (data === undefined) throw new Error(`${response.url}: ${response.status} ${JSON.stringify(error)}`);
  return data;
}

const email = `${crypto.randomUUID()}@example.com`;
const password = "correct horse";
const made = good(await api.POST("/api/auth/register/", { body: { email, name: "Ada", password } }));
const session = good(await api.POST("/api/auth/login/", { body: { email, password } }));
if (session.user.id !== made.user.id) throw new Error("the login is somebody else's");
api.use({
  onRequest({ request }) {
    request.headers.set("authorization", `Bearer ${session.access_token}`);
    return request;
  },
});

const agent = good(await api.POST("/api/agents/", { body: { name: "Charles", model: "gpt-4", stop: ["\n\n\n"] } }));
const conversation = good(await api.POST("/api/conversations/", { body: { agent: agent.id, title: "Engines" } }));
const path = { id: conversation.id };
const content = "What is a difference engine?";
const turn = good(
  await api.POST("/api/conversations/{id}/send_message/", { params: { path }, body: { content } }),
);
const answer: Message = turn.assistant_message;
if (answer.status !== "complete" || !answer.content) throw new Error("that is no answer");

const { results } = good(await api.GET("/api/conversations/{id}/messages/", { params: { path } }));
const said = results.map((message) => message.content);
if (said.length !== 2 || said[0] !== content) throw new Error("what was said is not what is kept");

const refused = await api.POST("/api/auth/register/", { body: { email, name: "Ada", password } });
if (refused.response.status !== 400 || refused.error === undefined) throw new Error("the address is taken");

// What does not fit is found before anything is sent.
// @ts-expect-error: there is no such path
void (() => api.GET("/api/agnets/"));
// @ts-expect-error: an agent is wanted
void (() => api.POST("/api/conversations/", { body: { title: "Engines" } }));
// @ts-expect-error: there is no such provider
void (() => api.POST("/api/agents/", { body: { llm_provider: "parrot" } }));

console.log(JSON.stringify({ said, answer: answer.content }));
