// A page as a front end would write it: load the history, resume what runs, send, stop.
import { useChat } from "@ai-sdk/react";
import { DefaultChatTransport } from "ai";
import { useState } from "react";
import { createRoot } from "react-dom/client";

const { meggy, token, id } = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
const headers = { Authorization: `Bearer ${token}` };

function Chat({ messages: initial }) {
  const [input, setInput] = useState("");
  const { messages, sendMessage, regenerate, status, error } = useChat({
    id,
    messages: initial,
    resume: true,
    transport: new DefaultChatTransport({ api: `${meggy}/api/chat`, headers }),
  });
  const send = (event) => {
    event.preventDefault();
    sendMessage({ text: input });
    setInput("");
  };
  // Hanging up would not stop the turn: the server is asked to.
  const stop = () => fetch(`${meggy}/api/chat/${id}/stop/`, { method: "POST", headers });
  return (
    <>
      {messages.map((message) => (
        <article key={message.id} data-role={message.role} data-status={message.metadata?.status}>
          {message.parts.map((part, n) => (part.type === "text" ? <p key={n}>{part.text}</p> : null))}
        </article>
      ))}
      <output>{status}</output>
      {error && <strong>{error.message}</strong>}
      <form onSubmit={send}>
        <input value={input} onChange={(event) => setInput(event.target.value)} />
        <button>Send</button>
      </form>
      <button onClick={stop}>Stop</button>
      <button onClick={() => regenerate()}>Again</button>
    </>
  );
}

const response = await fetch(`${meggy}/api/chat/${id}/`, { headers });
const { messages } = response.status === 404 ? { messages: [] } : await response.json();
createRoot(document.querySelector("main")).render(<Chat messages={messages} />);
