//! Conversations as a document to read.

use serde_json::json;

use super::{conversation_of, file_of, import, message_of, nth};
use crate::support::{TestApp, on_each_database};

on_each_database! { a_conversation_is_a_document, all_conversations_are_one_document, long_ones_come_whole }

async fn a_conversation_is_a_document(app: TestApp) {
    let ann = app.register("ann").await;
    let code = "# Try this\n\n```rust\n# [attribute]\nfn main() {}\n```";
    let mut other = message_of(12, Some(10), "assistant", "Of another version");
    other["is_active"] = json!(false);
    let mut broken = message_of(13, Some(11), "assistant", "```sh\nrm -r");
    broken["status"] = json!("failed");
    broken["error"] = json!("It broke *off*.");
    let mut answer = message_of(11, Some(10), "assistant", code);
    answer["model"] = json!("llama3");
    let messages = [
        message_of(10, None, "user", "How?\n"),
        answer,
        other,
        broken,
        message_of(14, Some(13), "user", "Go on"),
    ];
    import(
        &ann,
        &file_of(&[conversation_of(2, "Use\nof `#` & co", &messages)]),
    )
    .await;
    let document = ann
        .get(&format!(
            "/api/conversations/{}/export/?as=markdown",
            nth(2)
        ))
        .await;
    let expected = "# Use of \\`\\#\\` \\& co\n\n*With Ada, 2024-01-02 03:04 UTC*\n\
                    \n## You, 2024-01-02 03:04 UTC\n\nHow?\n\
                    \n## Ada (llama3), 2024-01-02 03:04 UTC\n\n\
                    ### Try this\n\n```rust\n# [attribute]\nfn main() {}\n```\n\
                    \n## Ada, 2024-01-02 03:04 UTC\n\n```sh\nrm -r\n```\n\n*(failed: It broke \\*off\\*.)*\n\
                    \n## You, 2024-01-02 03:04 UTC\n\nGo on\n";
    assert_eq!((document.status, document.text.as_str()), (200, expected));
}

async fn all_conversations_are_one_document(app: TestApp) {
    let ann = app.register("ann").await;
    let conversations = [
        conversation_of(2, "One", &[message_of(10, None, "user", "Hi")]),
        conversation_of(3, "Two", &[]),
    ];
    import(&ann, &file_of(&conversations)).await;
    let document = ann.get("/api/export/?as=markdown").await;
    let expected = "# One\n\n*With Ada, 2024-01-02 03:04 UTC*\n\n## You, 2024-01-02 03:04 UTC\n\nHi\n\
                    \n---\n\n# Two\n\n*With Ada, 2024-01-02 03:04 UTC*\n";
    assert_eq!(document.text, expected);
}

async fn long_ones_come_whole(app: TestApp) {
    let ann = app.register("ann").await;
    let messages: Vec<_> = (10..1300)
        .map(|number| {
            let parent = (number > 10).then(|| number - 1);
            message_of(number, parent, "user", &format!("Number {number}"))
        })
        .collect();
    import(&ann, &file_of(&[conversation_of(2, "Long", &messages)])).await;
    let document = ann.get("/api/export/?as=markdown").await.text;
    let told: Vec<_> = document
        .lines()
        .filter(|line| line.starts_with("Number"))
        .collect();
    let expected: Vec<_> = (10..1300)
        .map(|number| format!("Number {number}"))
        .collect();
    assert_eq!(told, expected);
}
