//! What a conversation is called here. A title that was made of the first question is what a user wrote, which only those
//! get to see who may read it; here it counts as none.

/// The title as pages show it, in SQL; the argument stands before the columns. The index `conversations_by_title` has the same.
macro_rules! title {
    () => {
        title!("conversations.")
    };
    ($table:literal) => {
        concat!(
            "CASE WHEN ",
            $table,
            "has_makeshift_title THEN 'New Conversation' ELSE ",
            $table,
            "title END"
        )
    };
}
pub(crate) use title;
