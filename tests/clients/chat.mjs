// A chat as a page has it, of any version of the AI SDK, without a page.
import { at, newChatId, textOf, until } from "./support.mjs";

/** The client of one version of the AI SDK, for a user's chats. */
export async function clientOf(name, user, base = at.meggy) {
  const sdk = await import(name);

  class Chat extends sdk.AbstractChat {
    constructor({ id = newChatId(), messages = [], headers = user.headers, ...transport } = {}) {
      const state = {
        status: "ready",
        error: undefined,
        messages,
        pushMessage: (message) => void (state.messages = [...state.messages, message]),
        popMessage: () => void (state.messages = state.messages.slice(0, -1)),
        replaceMessage: (index, message) => void (state.messages = state.messages.with(index, message)),
        snapshot: structuredClone,
      };
      super({ id, state, transport: new sdk.DefaultChatTransport({ api: `${base}/api/chat`, headers, ...transport }) });
    }
    /** The text of the answer that is last. */
    get text() {
      return textOf(this.lastMessage?.role === "assistant" ? this.lastMessage : null);
    }
    says = (piece) => until(`the answer reaches ${piece}`, () => this.text.includes(piece));
  }

  /** A page that opens a chat: loads what is there, as the library's own validation has it. */
  async function open(id, options = {}) {
    const { messages } = await user.json(`/api/chat/${id}/`, { base });
    if (messages.length) await sdk.validateUIMessages?.({ messages });
    return new Chat({ id, messages, ...options });
  }

  return { Chat, open };
}
