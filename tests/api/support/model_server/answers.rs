//! Ordinary answers of OpenAI and Ollama, and the pieces they are made of.

use serde_json::{Value, json};

use super::Reply;

/// An answer of OpenAI's, word by word, with counts of tokens for question and answer.
pub fn openai_answer(text: &str, usage: Option<(u32, u32)>) -> Reply {
    let mut chunks = vec![openai_chunk(&json!({ "role": "assistant", "content": "" }))];
    for word in text.split_inclusive(' ') {
        chunks.push(openai_chunk(&json!({ "content": word })));
    }
    chunks.push(openai_finish("stop"));
    if let Some((prompt, completion)) = usage {
        chunks.push(openai_usage(prompt, completion));
    }
    Reply::events(&chunks)
}

/// A chunk of OpenAI's with this delta.
pub fn openai_chunk(delta: &Value) -> Value {
    json!({ "choices": [{ "index": 0, "delta": delta, "finish_reason": null }], "usage": null })
}

/// OpenAI's chunk with a finish reason.
pub fn openai_finish(reason: &str) -> Value {
    json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": reason }], "usage": null })
}

/// OpenAI's chunk with the counts of tokens.
pub fn openai_usage(prompt: u32, completion: u32) -> Value {
    let total = prompt + completion;
    json!({ "choices": [], "usage": {
        "prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total,
    } })
}

/// An error of OpenAI's.
pub fn openai_error(status: u16, message: &str, code: &str) -> Reply {
    let error = json!({ "message": message, "type": "some_error", "param": null, "code": code });
    Reply::json(status, &json!({ "error": error }))
}

/// OpenAI's list of models.
pub fn openai_models(names: &[&str]) -> Reply {
    let data: Vec<_> = names
        .iter()
        .map(|name| json!({ "id": name, "object": "model" }))
        .collect();
    Reply::json(200, &json!({ "object": "list", "data": data }))
}

/// An answer of Ollama's, word by word, with counts of tokens for question and answer.
pub fn ollama_answer(text: &str, usage: Option<(u32, u32)>) -> Reply {
    let mut lines: Vec<_> = text.split_inclusive(' ').map(ollama_line).collect();
    let mut last = ollama_line("");
    last["done"] = json!(true);
    last["done_reason"] = json!("stop");
    if let Some((prompt, completion)) = usage {
        last["prompt_eval_count"] = json!(prompt);
        last["eval_count"] = json!(completion);
    }
    lines.push(last);
    Reply::lines(&lines)
}

/// A line of Ollama's with this text.
pub fn ollama_line(text: &str) -> Value {
    json!({
        "model": "m", "created_at": "2026-01-02T03:04:05.123456789Z",
        "message": { "role": "assistant", "content": text }, "done": false,
    })
}

/// Ollama's list of models.
pub fn ollama_models(names: &[&str]) -> Reply {
    let models: Vec<_> = names
        .iter()
        .map(|name| json!({ "name": name, "model": name }))
        .collect();
    Reply::json(200, &json!({ "models": models }))
}
