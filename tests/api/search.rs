//! Search over messages and titles.

mod changes;
mod filters;
mod input;
mod pages;

use meggy::db::{Db, Executor};
use serde_json::Value;

use crate::support::client::id;
use crate::support::{Client, TestApp, on_each_database};

on_each_database! {
    a_message_is_found_by_its_words,
    a_title_is_found_by_its_words,
    case_and_accents_do_not_count,
    accents_of_other_writings_do_not_count_on_postgres,
    sigma_at_the_end_of_a_word_is_marked,
    the_last_word_may_be_a_beginning,
    all_words_must_be_there_and_quoted_ones_in_a_row,
    writings_without_spaces_are_found_by_any_of_their_letters,
    what_fits_better_comes_first,
    snippets_show_the_hits_and_escape_all_else,
    what_stands_late_in_a_long_message_is_shown,
    nobody_finds_what_is_somebody_elses,
}

/// The answer to a search; `parameters` are names with values.
pub async fn search(client: &Client, parameters: &[(&str, &str)]) -> Value {
    client.get(&address(parameters)).await.expect(200)
}

pub fn address(parameters: &[(&str, &str)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(parameters);
    format!("/api/search/?{}", query.finish())
}

/// What a search for these words finds, as snippets.
pub async fn snippets(client: &Client, words: &str) -> Vec<String> {
    texts(&search(client, &[("q", words)]).await)
}

pub fn texts(answer: &Value) -> Vec<String> {
    let results = answer["results"].as_array().unwrap().iter();
    results
        .map(|result| result["snippet"].as_str().unwrap().to_owned())
        .collect()
}

/// The same without the marks.
pub async fn found(client: &Client, words: &str) -> Vec<String> {
    let snippets = snippets(client, words).await.into_iter();
    snippets
        .map(|snippet| snippet.replace("<mark>", "").replace("</mark>", ""))
        .collect()
}

/// Says something to a model that has nothing to say that a test looks for.
pub async fn tell(app: &TestApp, client: &Client, conversation: &str, content: &str) -> Value {
    app.model
        .replies([crate::support::model_server::openai_answer(
            "Indeed.",
            Some((1, 1)),
        )]);
    client.say(conversation, content).await.expect(200)
}

/// Gives a message another text, which may be longer than a model takes.
pub async fn rewrite(app: &TestApp, message: &Value, content: &str) {
    let rewritten = app
        .db
        .query("UPDATE messages SET content = $2 WHERE id = $1")
        .bind(id(message).parse::<uuid::Uuid>().unwrap())
        .bind(content)
        .execute();
    assert_eq!(rewritten.await.unwrap(), 1);
}

async fn a_message_is_found_by_its_words(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    let turn = ann
        .say(&conversation, "Where do otters sleep?")
        .await
        .expect(200);
    let answer = search(&ann, &[("q", "otters")]).await;
    assert_eq!(answer["next"], Value::Null);
    let results = answer["results"].as_array().unwrap();
    assert_eq!(results.len(), 2, "{answer}");
    for (result, message, snippet) in [
        (
            &results[0],
            &turn["user_message"],
            "Where do <mark>otters</mark> sleep?",
        ),
        (
            &results[1],
            &turn["assistant_message"],
            "You said: Where do <mark>otters</mark> sleep?",
        ),
    ] {
        let expected = serde_json::json!({
            "type": "message",
            "conversation": { "id": conversation, "title": "Where do otters sleep?" },
            "message": { "id": message["id"], "role": message["role"], "created_at": message["created_at"] },
            "snippet": snippet,
            "score": result["score"],
        });
        assert_eq!(result, &expected);
        assert!(result["score"].as_f64().unwrap() > 0.0, "{result}");
    }
    assert_eq!(found(&ann, "badgers").await, [""; 0]);
}

async fn a_title_is_found_by_its_words(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    ann.patch(
        &format!("/api/conversations/{conversation}/"),
        serde_json::json!({ "title": "Otters & co" }),
    )
    .await
    .expect(200);
    let answer = search(&ann, &[("q", "otter")]).await;
    let expected = serde_json::json!([{
        "type": "conversation",
        "conversation": { "id": conversation, "title": "Otters & co" },
        "message": null,
        "snippet": "<mark>Otters</mark> &amp; co",
        "score": answer["results"][0]["score"],
    }]);
    assert_eq!(answer["results"], expected);
}

async fn case_and_accents_do_not_count(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    tell(&app, &ann, &conversation, "Crème BRÛLÉE e\u{301}tage").await;
    for words in [
        "crème brûlée",
        "CREME",
        "brulee",
        "étage",
        "etage",
        "Bru\u{302}le\u{301}e",
    ] {
        assert_eq!(found(&ann, words).await.len(), 1, "{words}");
    }
    let shown = "<mark>Crème</mark> <mark>BRÛLÉE</mark> e\u{301}tage";
    assert_eq!(snippets(&ann, "creme brulee").await, [shown]);
}

async fn accents_of_other_writings_do_not_count_on_postgres(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    tell(&app, &ann, &conversation, "καλημέρα ёлка łódź").await;
    let found_without = match app.db {
        Db::Sqlite { .. } => 0,
        Db::Postgres(_) => 1,
    };
    for (words, count) in [
        ("καλημέρα", 1),
        ("καλημερα", found_without),
        ("ёлка", 1),
        ("елка", found_without),
        ("łodz", 1),
        ("lodz", 0),
    ] {
        assert_eq!(found(&ann, words).await.len(), count, "{words}");
    }
}

async fn sigma_at_the_end_of_a_word_is_marked(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    tell(&app, &ann, &conversation, "Οδυσσέας ο σοφός").await;
    let shown = "Οδυσσέας ο <mark>σοφός</mark>";
    assert_eq!(snippets(&ann, "σοφός").await, [shown]);
    // What capitals are on Postgres depends on its locale.
    if let Db::Sqlite { .. } = app.db {
        assert_eq!(snippets(&ann, "ΣΟΦΌΣ").await, [shown]);
    }
}

async fn the_last_word_may_be_a_beginning(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    tell(&app, &ann, &conversation, "Photosynthesis explained").await;
    for words in [
        "ph",
        "photo",
        "photosynthesis",
        "explained photosyn",
        "\"photosynthesis expl",
    ] {
        assert_eq!(found(&ann, words).await.len(), 1, "{words}");
    }
    assert_eq!(
        snippets(&ann, "photos").await,
        ["<mark>Photosynthesis</mark> explained"]
    );
    for words in ["photosyn explained", "\"photosyn\"", "synthesis", "p"] {
        assert_eq!(found(&ann, words).await, [""; 0], "{words}");
    }
}

async fn all_words_must_be_there_and_quoted_ones_in_a_row(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    tell(&app, &ann, &conversation, "green tea from the hills").await;
    tell(&app, &ann, &conversation, "tea and green apples").await;
    assert_eq!(found(&ann, "green tea").await.len(), 2);
    assert_eq!(
        found(&ann, "green hills").await,
        ["green tea from the hills"]
    );
    assert_eq!(
        snippets(&ann, "\"green tea\"").await,
        ["<mark>green tea</mark> from the hills"]
    );
    assert_eq!(
        snippets(&ann, "green-tea").await,
        ["<mark>green tea</mark> from the hills"]
    );
    assert_eq!(found(&ann, "\"tea green\"").await, [""; 0]);
}

async fn writings_without_spaces_are_found_by_any_of_their_letters(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    let texts = [
        "今日は天気がいいですね。",
        "我们明天去公园吧",
        "서울에서 만나요",
        "สวัสดีครับ",
        "使用Rust语言",
    ];
    for text in texts {
        tell(&app, &ann, &conversation, text).await;
    }
    for (words, text) in [
        ("天気", 0),
        ("気", 0),
        ("がいい", 0),
        ("公园", 1),
        ("园", 1),
        ("我们", 1),
        ("서울", 2),
        ("울에", 2),
        ("나", 2),
        ("สวัสดี", 3),
        ("Rust语", 4),
        ("使用rust", 4),
        ("rust", 4),
        ("用", 4),
    ] {
        assert_eq!(found(&ann, words).await, [texts[text]], "{words}");
    }
    assert_eq!(found(&ann, "天").await, [texts[1], texts[0]]);
    assert_eq!(found(&ann, "気天").await, [""; 0]);
    assert_eq!(
        snippets(&ann, "天気").await,
        ["今日は<mark>天気</mark>がいいですね。"]
    );
}

async fn what_fits_better_comes_first(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    let long = format!("otters {}", "and many other words ".repeat(30));
    for text in [
        "otters, otters and otters",
        "otters sleep",
        &long,
        "otters sleep",
    ] {
        tell(&app, &ann, &conversation, text).await;
    }
    let answer = search(&ann, &[("q", "otters")]).await;
    let scores: Vec<f64> = answer["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| result["score"].as_f64().unwrap())
        .collect();
    assert!(scores.is_sorted_by(|a, b| a >= b), "{scores:?}");
    let found = found(&ann, "otters").await;
    assert_eq!(
        found[..3],
        ["otters, otters and otters", "otters sleep", "otters sleep"]
    );
    assert!(found[3].starts_with("otters and many"), "{found:?}");
    // Of those that fit equally well the newest is first.
    let messages = ann.messages(&conversation).await;
    assert_eq!(answer["results"][1]["message"]["id"], id(&messages[6]));
}

async fn snippets_show_the_hits_and_escape_all_else(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    tell(
        &app,
        &ann,
        &conversation,
        "<script>alert('otter')</script> & \"<b>\"",
    )
    .await;
    let shown = "&lt;script&gt;alert(&#39;<mark>otter</mark>&#39;)&lt;/script&gt; &amp; &quot;&lt;b&gt;&quot;";
    assert_eq!(snippets(&ann, "otter").await, [shown]);
    let marked = "<mark>script</mark>";
    assert_eq!(
        snippets(&ann, "script").await,
        [shown
            .replace("<mark>otter</mark>", "otter")
            .replace("script", marked)]
    );
    let text = format!(
        "{} otter\n\notter {}",
        "before ".repeat(200),
        "behind ".repeat(200)
    );
    let other = ann.conversation().await;
    tell(&app, &ann, &other, &text).await;
    let shown = &texts(&search(&ann, &[("q", "otter"), ("conversation", &other)]).await)[0];
    assert!(
        shown.contains("before <mark>otter</mark> <mark>otter</mark> behind"),
        "{shown}"
    );
    assert!(
        shown.starts_with("…before") && shown.ends_with("behind…") && shown.len() < 260,
        "{shown}"
    );
}

async fn what_stands_late_in_a_long_message_is_shown(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    let text = format!(
        "{}otters {}badgers",
        "before ".repeat(5_000),
        "behind ".repeat(20_000)
    );
    let turn = tell(&app, &ann, &conversation, "otters").await;
    rewrite(&app, &turn["user_message"], &text).await;
    let shown = &snippets(&ann, "otters").await[0];
    assert!(
        shown.contains("before <mark>otters</mark> behind"),
        "{shown}"
    );
    // What stands behind the first 100,000 characters is not looked at.
    assert_eq!(snippets(&ann, "badgers").await, [""; 0]);
}

async fn nobody_finds_what_is_somebody_elses(app: TestApp) {
    let (ann, bob) = (app.register("ann").await, app.register("bob").await);
    let mine = ann.conversation().await;
    ann.say(&mine, "otters of ann").await.expect(200);
    let theirs = bob.conversation().await;
    bob.say(&theirs, "otters of bob").await.expect(200);
    ann.say(&mine, "more otters of ann").await.expect(200);
    let bobs_agent = id(&bob.get("/api/agents/default/").await.expect(200));
    assert_eq!(found(&ann, "otters").await.len(), 4);
    assert_eq!(found(&bob, "otters").await.len(), 2);
    assert_eq!(found(&ann, "bob").await, [""; 0]);
    for filter in [("conversation", theirs.as_str()), ("agent", &bobs_agent)] {
        assert_eq!(
            texts(&search(&ann, &[("q", "otters"), filter]).await),
            [""; 0]
        );
    }
    // Not even by the labels that the index has for the owner.
    let labels = [
        bob.id().replace('-', ""),
        format!("u{}", bob.id().replace('-', "")),
        format!("c{}", theirs.replace('-', "")),
    ];
    for label in labels {
        assert_eq!(found(&ann, &label).await, [""; 0], "{label}");
        assert_eq!(found(&bob, &label).await, [""; 0], "{label}");
    }
    // A cursor from the other's search leads nowhere else.
    let page = search(&bob, &[("q", "otters"), ("limit", "1")]).await;
    let cursor = page["next"].as_str().unwrap();
    for text in texts(&search(&ann, &[("q", "otters"), ("cursor", cursor)]).await) {
        assert!(!text.contains("bob"), "{text}");
    }
}
