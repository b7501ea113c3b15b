//! What an uploaded picture is called.

use uuid::Uuid;

use super::picture::{Encoding, Size};

/// Where the files of avatars are served.
const FOLDER: &str = "/media/avatars/";

/// The picture of a user's, as it is stored. Each upload has a name of its own that nobody can guess, so that a name
/// stands for the same bytes for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Avatar {
    id: Uuid,
    encoding: Encoding,
}

impl Avatar {
    /// A new name.
    pub fn new(encoding: Encoding) -> Self {
        Self {
            // Not from the clock as other ids: one must not tell another.
            id: Uuid::new_v4(),
            encoding,
        }
    }

    /// The path by which the larger picture is asked for. It stands for the picture in the database.
    pub fn path(self) -> String {
        format!("{FOLDER}{}", self.file(Size::Large).name())
    }

    /// The avatar to which such a path leads; `None` if it leads somewhere else.
    pub fn at(path: &str) -> Option<Self> {
        let file = AvatarFile::named(path.strip_prefix(FOLDER)?)?;
        Some(file.avatar)
    }

    /// One of its files.
    pub fn file(self, size: Size) -> AvatarFile {
        AvatarFile { avatar: self, size }
    }
}

/// A file of an avatar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AvatarFile {
    avatar: Avatar,
    size: Size,
}

impl AvatarFile {
    /// The file with this name, in exactly this spelling; `None` if none can have it.
    pub fn named(name: &str) -> Option<Self> {
        let id = Uuid::try_parse(name.get(..32)?).ok()?;
        let file = |encoding, size| Avatar { id, encoding }.file(size);
        [Encoding::Jpeg, Encoding::WebP]
            .into_iter()
            .flat_map(|encoding| Size::ALL.map(|size| file(encoding, size)))
            .find(|file| file.name() == name)
    }

    /// Its name: hexadecimal digits, the length of an edge, and an ending.
    pub fn name(self) -> String {
        let ending = match self.avatar.encoding {
            Encoding::Jpeg => "jpg",
            Encoding::WebP => "webp",
        };
        format!(
            "{}-{}.{ending}",
            self.avatar.id.simple(),
            self.size.pixels()
        )
    }

    /// Its media type.
    pub fn content_type(self) -> &'static str {
        match self.avatar.encoding {
            Encoding::Jpeg => "image/jpeg",
            Encoding::WebP => "image/webp",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_only_in_its_own_spelling() {
        let avatar = Avatar::new(Encoding::Jpeg);
        assert_eq!(Avatar::at(&avatar.path()), Some(avatar));
        let id = avatar.id.simple();
        let name = format!("{id}-96.webp");
        assert_eq!(
            AvatarFile::named(&name).map(AvatarFile::name),
            Some(name.clone())
        );
        for name in [
            String::new(),
            name.to_uppercase(),
            format!("{}-96.webp", avatar.id),
            format!("{id}-97.webp"),
            format!("{id}-96.webp/"),
            format!("{id}-96.svg"),
            format!("../{name}"),
            format!("{id}-96.webp\0"),
            format!("{}é-96.webp", &id.to_string()[..31]),
        ] {
            assert_eq!(AvatarFile::named(&name), None, "{name}");
        }
    }
}
