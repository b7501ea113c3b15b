//! The first page.

use std::time::Duration;

use chrono::Days;
use meggy::clock;
use meggy::db::Executor;

use crate::support::app::PASSWORD;
use crate::support::browser::{Browser, Rights};
use crate::support::model_server::Reply;
use crate::support::{TestApp, eventually, on_each_database};

on_each_database!(
    totals_and_days_are_counted,
    days_that_are_over_are_counted_once,
    providers_are_up_or_down,
    a_hanging_provider_holds_up_no_page,
    running_answers_are_counted,
);

/// The first page, once everything on it is known.
async fn complete(browser: &Browser) -> String {
    eventually("the figures", async || {
        let page = browser.get("/admin/").await;
        assert_eq!(page.status, 200, "{}", page.text);
        (!page.text.contains("in a moment")).then_some(page.text)
    })
    .await
}

/// The figure on a card.
fn card(page: &str, name: &str) -> i64 {
    let (_, after) = page
        .split_once(&format!("<dt>{name}</dt><dd>"))
        .expect(name);
    after.split('<').next().unwrap().parse().unwrap()
}

/// The row of a day in the table: sign-ups, messages, tokens.
fn row(page: &str, ago: u64) -> Vec<i64> {
    let date = (clock::now() - Days::new(ago)).date_naive();
    let (_, after) = page
        .split_once(&format!("<th scope=\"row\">{date}</th>"))
        .expect("a day");
    let cells = after.split_once("</tr>").unwrap().0.replace("</td>", "");
    cells
        .split("<td>")
        .skip(1)
        .map(|cell| cell.parse().unwrap())
        .collect()
}

async fn totals_and_days_are_counted(app: TestApp) {
    let browser = app.staff("root", Rights::SUPERUSER).await;
    let bob = app.register("bob").await;
    let eve = app.register("eve").await;
    app.close(&eve).await;
    let conversation = bob.conversation().await;
    bob.say(&conversation, "Hello").await.expect(200);
    let page = complete(&browser).await;
    for (name, figure) in [
        ("Users", 3),
        ("Active users", 2),
        ("Agents", 1),
        ("Conversations", 1),
        ("Messages", 2),
        ("Answers being written", 0),
    ] {
        assert_eq!(card(&page, name), figure, "{name}");
    }
    assert_eq!(row(&page, 0), [3, 2, 18]);
    assert_eq!(page.matches("<svg").count(), 3);
    assert!(
        page.contains("aria-label=\"Messages per day: 2 in 30 days, most on "),
        "{page}"
    );
    assert_eq!(page.matches("<rect").count(), 90);
}

async fn days_that_are_over_are_counted_once(app: TestApp) {
    let browser = app.staff("root", Rights::SUPERUSER).await;
    let bob = app.register("bob").await;
    let conversation = bob.conversation().await;
    bob.say(&conversation, "Hello").await.expect(200);
    for table in [
        "UPDATE users SET created_at = $1",
        "UPDATE messages SET created_at = $1",
    ] {
        let earlier = clock::now() - Days::new(3);
        app.db.query(table).bind(earlier).execute().await.unwrap();
    }
    let page = complete(&browser).await;
    assert_eq!(
        (row(&page, 3), row(&page, 0)),
        (vec![2, 2, 18], vec![0, 0, 0])
    );
    let kept = app
        .texts("SELECT day AS text FROM daily_totals ORDER BY day")
        .await;
    // Today is not over, and in the first hour of a day neither is yesterday.
    assert!([28, 29].contains(&kept.len()), "{kept:?}");
    app.db
        .query("DELETE FROM messages")
        .execute()
        .await
        .unwrap();
    let other = app.another(&[]).await;
    let browser = other.staff("other", Rights::SUPERUSER).await;
    let page = complete(&browser).await;
    assert_eq!(
        (row(&page, 3), row(&page, 0)),
        (vec![2, 2, 18], vec![1, 0, 0])
    );
}

async fn providers_are_up_or_down(app: TestApp) {
    let browser = app.staff("root", Rights::SUPERUSER).await;
    app.model.replies([
        Reply::text(500, "text/plain", "no"),
        Reply::text(500, "text/plain", "no"),
    ]);
    let page = complete(&browser).await;
    assert_eq!(page.matches(">down</span>").count(), 2, "{page}");
    let other = app.another(&[]).await;
    let page = complete(&{
        let browser = other.browser();
        browser.sign_in("root@example.com", PASSWORD).await;
        browser
    })
    .await;
    assert_eq!(page.matches(">up</span>, 1 model<").count(), 2, "{page}");
}

async fn a_hanging_provider_holds_up_no_page(app: TestApp) {
    let browser = app.staff("root", Rights::SUPERUSER).await;
    app.model.replies([Reply::silence(), Reply::silence()]);
    let started = std::time::Instant::now();
    let page = browser.get("/admin/").await;
    assert_eq!(page.status, 200);
    assert!(
        page.text.contains("providers are being asked"),
        "{}",
        page.text
    );
    assert!(started.elapsed() < Duration::from_secs(2));
}

async fn running_answers_are_counted(app: TestApp) {
    let browser = app.staff("root", Rights::SUPERUSER).await;
    let bob = app.register("bob").await;
    let conversation = bob.conversation().await;
    bob.say(&conversation, "Hello").await.expect(200);
    let pending = "UPDATE messages SET status = 'pending' WHERE role = 'assistant'";
    app.db.query(pending).execute().await.unwrap();
    let page = browser.get("/admin/").await;
    assert_eq!(card(&page.text, "Answers being written"), 1);
}
