//! Whatever is typed is looked for or refused in words.

use serde_json::json;

use super::{address, found, tell};
use crate::support::client::send;
use crate::support::{TestApp, on_each_database};

on_each_database! {
    nothing_that_is_typed_makes_the_server_fail,
    what_has_no_word_is_refused,
    syntax_has_no_meaning,
    bytes_that_are_no_text_are_looked_for_as_well_as_can_be,
    only_users_search,
}

async fn nothing_that_is_typed_makes_the_server_fail(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    tell(
        &app,
        &ann,
        &conversation,
        "NEAR otters: AND OR NOT ' \" * ^ ( ) - + { } & | ! < > \\ % _ ; -- 日本",
    )
    .await;
    let inputs = [
        "\"",
        "\"\"",
        "\"\"\"",
        "'",
        "''",
        "*",
        "**",
        "a*",
        "*a",
        "a*b",
        "NEAR",
        "NEAR(",
        "NEAR(a b, 2)",
        "a NEAR b",
        "AND",
        "OR",
        "NOT",
        "a AND",
        "AND b",
        "NOT a",
        "a OR",
        "-",
        "-a",
        "a -b",
        "+a",
        "^a",
        "a^",
        "(",
        ")",
        "()",
        "(a",
        "a)",
        "((((((((((a",
        ":",
        "a:b",
        "words:a",
        "labels : a",
        "{words} : a",
        "{",
        "}",
        "[a]",
        "a + b",
        "a,b",
        "a;b",
        "--",
        "/*",
        "'; DROP TABLE users; --",
        "\\",
        "\\'",
        "\\\\",
        "%",
        "_",
        "$1",
        "?",
        "?1",
        "@u",
        "a & b",
        "a | b",
        "!a",
        "a <-> b",
        "a:*",
        "a:A",
        "<->",
        "'a'",
        "&amp;",
        "<b>",
        "😀",
        "😀 a",
        "a😀b",
        "👨‍👩‍👧‍👦",
        "🇩🇪",
        "日",
        "日本",
        "日本*",
        "\"日本",
        "日 本",
        "ー",
        "・",
        "が",
        "か\u{3099}",
        "ｶﾞ",
        "\u{301}",
        "a\u{301}",
        "\u{301}a",
        "a \u{301}",
        "e\u{301}\u{301}\u{301}",
        "क्षि",
        "ि",
        "สวัสดี",
        "\u{e31}",
        "한국어",
        "\u{1112}\u{1161}\u{11ab}",
        "مرحبا",
        "שָׁלוֹם",
        "\u{5b0}",
        "\u{200b}",
        "\u{200d}",
        "\u{feff}",
        "\u{202e}a",
        "\u{fffd}",
        "\u{ffff}",
        "\u{10ffff}",
        "\u{e000}",
        "\u{1d400}",
        "𠀀",
        "\u{1}",
        "a\u{7f}b",
        "\t",
        "a\nb",
        "\u{85}",
        "\u{a0}",
        "ß",
        "İ",
        "ı",
        "ﬁ",
        "Ⅷ",
        "²",
        "½",
        "٣",
        "0",
        "-1",
        "1e9",
        "3.14",
        "1_000",
        "http://example.com/a?b=c#d",
        "a@b.c",
        "C++",
        "C#",
    ];
    for input in inputs {
        let answer = ann.get(&address(&[("q", input)])).await;
        assert!(
            [200, 400].contains(&answer.status),
            "{input:?}: {} {}",
            answer.status,
            answer.text
        );
    }
    let long = [
        "a ".repeat(250),
        "ab ".repeat(166),
        "\"".repeat(500),
        "\"a".repeat(250),
        "日".repeat(500),
        "日 ".repeat(250),
        "x".repeat(500),
        "𠀀".repeat(500),
        "(".repeat(500),
        "*".repeat(500),
        "é".repeat(500),
        "e\u{301}".repeat(250),
        "\u{301}".repeat(500),
        (0..140)
            .map(|number| format!("{number} "))
            .collect::<String>(),
        "😀".repeat(500),
        "ﷺ".repeat(500),
    ];
    for input in long {
        let answer = ann.get(&address(&[("q", &input)])).await;
        assert!(
            [200, 400].contains(&answer.status),
            "{input:?}: {} {}",
            answer.status,
            answer.text
        );
    }
    ann.get(&address(&[("q", &"x".repeat(10_000))])).await.is(
        400,
        &json!({ "q": ["Ensure this field has no more than 500 characters."] }),
    );
    for input in ["\0", "a\0b", "otters\0"] {
        ann.get(&address(&[("q", input)]))
            .await
            .is(400, &json!({ "q": ["Null characters are not allowed."] }));
    }
}

async fn what_has_no_word_is_refused(app: TestApp) {
    let ann = app.register("ann").await;
    for path in [
        "/api/search/",
        "/api/search",
        "/api/search/?q=",
        "/api/search/?Q=otters",
    ] {
        ann.get(path)
            .await
            .is(400, &json!({ "q": ["This field is required."] }));
    }
    ann.get("/api/search/?q=%20")
        .await
        .is(400, &json!({ "q": ["This field may not be blank."] }));
    for input in ["-", "\"\"", "()", "😀😀", "…", "\u{301}"] {
        ann.get(&address(&[("q", input)])).await.is(
            400,
            &json!({ "q": ["There is no word in it that could be looked for."] }),
        );
    }
}

async fn syntax_has_no_meaning(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    tell(&app, &ann, &conversation, "otters swim in rivers").await;
    for input in [
        "otters -rivers",
        "otters & rivers",
        "(otters) rivers",
        "ott*",
        "^otters",
        "+otters +rivers",
        "\"otters swim\" *",
    ] {
        assert_eq!(found(&ann, input).await.len(), 1, "{input}");
    }
    for input in [
        "otters OR badgers",
        "otters | badgers",
        "NOT badgers",
        "words:otters",
        "labels:user",
        "NEAR(otters rivers)",
    ] {
        assert_eq!(found(&ann, input).await, [""; 0], "{input}");
    }
}

async fn bytes_that_are_no_text_are_looked_for_as_well_as_can_be(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    tell(&app, &ann, &conversation, "otters swim").await;
    for query in [
        "q=otters%FF",
        "q=%",
        "q=otters&q=%00",
        "q=%C3%28",
        "q=otters+swim",
        "q=otters%20swim&unknown=1",
    ] {
        let answer = send(ann.request("GET", &format!("/api/search/?{query}"))).await;
        assert!(
            [200, 400].contains(&answer.status),
            "{query}: {}",
            answer.text
        );
    }
}

async fn only_users_search(app: TestApp) {
    app.stranger()
        .get("/api/search/?q=otters")
        .await
        .expect(401);
    let ann = app.register("ann").await;
    ann.post("/api/search/?q=otters", json!({}))
        .await
        .expect(405);
}
