//! Lists as CSV.

use crate::support::browser::Rights;
use crate::support::{TestApp, on_each_database};

on_each_database!(
    the_narrowed_list_is_downloaded_whole,
    formulas_are_text,
    contents_are_only_for_readers,
);

async fn the_narrowed_list_is_downloaded_whole(app: TestApp) {
    let browser = app.staff("root", Rights::SUPERUSER).await;
    for number in 0..25 {
        app.register(&format!("user{number}")).await;
    }
    let answer = browser
        .get("/admin/users/csv/?q=user&sort=email&size=20&after=x")
        .await;
    assert_eq!(answer.status, 400, "{}", answer.text);
    let answer = browser
        .get("/admin/users/csv/?q=user&sort=-email&size=20")
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(
        answer.header("content-type"),
        Some("text/csv; charset=utf-8")
    );
    let disposition = answer.header("content-disposition").unwrap();
    assert!(
        disposition.starts_with("attachment; filename=\"users-"),
        "{disposition}"
    );
    let lines: Vec<&str> = answer.text.lines().collect();
    assert_eq!(lines.len(), 26);
    assert_eq!(lines[0], "id,E-mail address,Name,Active,Staff,Created");
    assert!(
        lines[1].contains(",user9@example.com,user9,true,false,20"),
        "{}",
        lines[1]
    );
    let log = browser.get("/admin/audit/?action=user.download").await;
    assert!(log.text.contains("q=user"), "{}", log.text);
}

async fn formulas_are_text(app: TestApp) {
    let browser = app.staff("root", Rights::SUPERUSER).await;
    for (name, email) in [
        ("=1+1", "a"),
        ("+1", "b"),
        ("-1", "c"),
        ("@SUM(A1)", "d"),
        ("a \"b\", c", "e"),
    ] {
        let email = format!("{email}@example.com");
        app.stranger()
            .register(&email, name, "a long password")
            .await;
    }
    let csv = browser.get("/admin/users/csv/?sort=email").await.text;
    for text in [
        ",'=1+1,",
        ",'+1,",
        ",'-1,",
        ",'@SUM(A1),",
        ",\"a \"\"b\"\", c\",",
    ] {
        assert!(csv.contains(text), "{text} {csv}");
    }
}

async fn contents_are_only_for_readers(app: TestApp) {
    let ann = app.register("ann").await;
    let conversation = ann.conversation().await;
    ann.say(&conversation, "a secret plan").await.expect(200);
    let staff = app.staff("helper", Rights::STAFF).await;
    let reader = app.staff("reader", Rights::READER).await;
    let answer = staff.get("/admin/messages/csv/").await;
    assert_eq!(answer.text.lines().count(), 3, "{}", answer.text);
    assert!(!answer.text.contains("You said"));
    let answer = staff.get("/admin/messages/csv/?contents=yes").await;
    assert_eq!(answer.status, 403, "{}", answer.text);
    let answer = reader.get("/admin/messages/csv/?contents=yes").await;
    assert!(
        answer.text.contains("You said: a secret plan"),
        "{}",
        answer.text
    );
    let log = reader.get("/admin/audit/?action=message.download").await;
    assert!(log.text.contains("contents=yes"), "{}", log.text);
}
