//! All SQL that counts.

use chrono::{DateTime, Duration, NaiveDate, Utc};

use super::model::{Day, DayCounts, Totals, shown_days, start};
use crate::clock;
use crate::db::{Db, Executor, FromRow, Row};

/// How long after its end a day is still counted anew: answers that were begun in it may not be complete.
const SETTLING: Duration = Duration::hours(1);

/// How much there is of everything.
pub async fn totals(db: &Db) -> sqlx::Result<Totals> {
    db.query(
        "SELECT COUNT(*) AS users, COUNT(*) FILTER (WHERE is_active) AS active_users,
                (SELECT COUNT(*) FROM agents) AS agents,
                (SELECT COUNT(*) FROM conversations) AS conversations,
                (SELECT COUNT(*) FROM messages) AS messages
         FROM users",
    )
    .fetch_one()
    .await
}

/// How many answers are being written, by whichever server.
pub async fn running(db: &Db) -> sqlx::Result<i64> {
    let Running(running) = db
        .query("SELECT COUNT(*) AS running FROM messages WHERE status = 'pending'")
        .fetch_one()
        .await?;
    Ok(running)
}

struct Running(i64);

impl FromRow for Running {
    fn from_row(row: &Row<'_>) -> sqlx::Result<Self> {
        row.get("running").map(Self)
    }
}

/// What happened on the last days, the oldest first. Each day that is over is counted once and kept: what is deleted
/// later does not change it. Only an import from Django has them counted anew.
pub async fn days(db: &Db) -> sqlx::Result<Vec<Day>> {
    let now = clock::now();
    let kept: Vec<Day> = db
        .query(
            "SELECT day, sign_ups, messages, tokens FROM daily_totals WHERE day >= $1 ORDER BY day",
        )
        .bind(shown_days(now).next().unwrap_or_default().to_string())
        .fetch_all()
        .await?;
    let mut days = Vec::new();
    for date in shown_days(now) {
        let day = match kept.iter().find(|day| day.date == date) {
            Some(&day) => day,
            None => count(db, date, now).await?,
        };
        days.push(day);
    }
    Ok(days)
}

/// Counts a day, and keeps the counts if it is over.
async fn count(db: &Db, date: NaiveDate, now: DateTime<Utc>) -> sqlx::Result<Day> {
    let end = start(date) + Duration::days(1);
    let counts: DayCounts = db
        .query(
            "SELECT (SELECT COUNT(*) FROM users WHERE created_at >= $1 AND created_at < $2) AS sign_ups,
                    COUNT(*) AS messages, CAST(COALESCE(SUM(tokens_used), 0) AS BIGINT) AS tokens
             FROM messages
             WHERE created_at >= $1 AND created_at < $2",
        )
        .bind(start(date))
        .bind(end)
        .fetch_one()
        .await?;
    if end + SETTLING < now {
        // Another server may have been quicker, with the same counts.
        db.query(
            "INSERT INTO daily_totals (day, sign_ups, messages, tokens) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        )
        .bind(date.to_string())
        .bind(counts.sign_ups)
        .bind(counts.messages)
        .bind(counts.tokens)
        .execute()
        .await?;
    }
    Ok(Day { date, counts })
}
