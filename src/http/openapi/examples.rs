//! What the examples in the document stand for. Whoever replays them puts real ids in the place of these.

/// The id of the caller.
pub const USER: &str = "019ab7d4-2c00-7000-8000-00000000000a";

/// The id of an agent of the caller's.
pub const AGENT: &str = "019ab7d4-2c00-7000-8000-00000000000b";

/// The id of a conversation with this agent.
pub const CONVERSATION: &str = "019ab7d4-2c00-7000-8000-00000000000c";

/// The id of a message of the caller's in this conversation.
pub const QUESTION: &str = "019ab7d4-2c00-7000-8000-00000000000d";

/// The id of the answer to this message.
pub const ANSWER: &str = "019ab7d4-2c00-7000-8000-00000000000e";

/// The secret part of the address of a share link of this conversation.
pub const SHARE: &str = "019ab7d4-2c00-7000-8000-00000000000f";

/// The name of the caller's picture.
pub const AVATAR: &str = "019ab7d42c00700080000000000000aa-512.jpg";

/// The caller's address.
pub const EMAIL: &str = "ada@example.com";

/// The caller's password.
pub const PASSWORD: &str = "correct horse battery staple";

/// A good refresh token of the caller's.
pub const REFRESH_TOKEN: &str = "eyJhbGciOiJIUzI1NiJ9.cmVmcmVzaA.c2lnbmF0dXJl";

/// When things happened.
pub const TIME: &str = "2026-11-25T09:30:00.000000Z";
