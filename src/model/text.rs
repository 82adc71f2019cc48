//! Two shapes of text: identifiers that can't be empty or mixed up, and enums that stay open.

/// An identifier: text that is never empty, cheap to clone, and not another kind of identifier.
macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(std::sync::Arc<str>);

        impl $name {
            /// Takes any text that is not empty.
            ///
            /// # Errors
            /// [`MissingId`](crate::model::MissingId) for an empty text.
            pub fn new(text: &str) -> Result<Self, crate::model::MissingId> {
                if text.is_empty() {
                    return Err(crate::model::MissingId { noun: stringify!($name) });
                }
                Ok(Self(text.into()))
            }

            /// The text as the service wrote it.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

/// An enum of the service that may grow: unknown text is kept verbatim in `Other`.
macro_rules! open_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
            /// A value that this version does not know, verbatim.
            Other(String),
        }

        impl $name {
            /// Every value that this version knows, in the order of the service's model.
            pub const KNOWN: &'static [Self] = &[$(Self::$variant,)+];

            /// The service's text for this value.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)+
                    Self::Other(text) => text,
                }
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                match text {
                    $($text => Self::$variant,)+
                    other => Self::Other(other.to_owned()),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

pub(crate) use {identifier, open_enum};
