//! The protocol extensions (docs/protocol.md, part 2), and the set of extensions of a connection.

use std::fmt;

/// One extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Feature {
    /// Handler ids above 255.
    Ids32,
    /// A map beside the payload: error codes and bodies, trace context, user metadata.
    Meta,
    /// A caller may cancel a single request.
    Cancel,
    /// Several credits in one message.
    Credits,
    /// Large messages in parts.
    Chunks,
    /// Both nodes state and check their names in the handshake.
    Names,
    /// Both nodes state in the handshake how large a message they accept.
    Limits,
    /// Where a session has checksums, they cover every message.
    Crc,
    /// Both nodes state in the handshake which methods their services have.
    Contracts,
    /// The listener proves in the handshake that it knows the dialer's secret.
    Proof,
    /// A node that is about to close a connection announces it.
    Drain,
    /// A program that is on no host list may connect.
    Guest,
    /// Windows of streams are in bytes.
    Windows,
}

impl Feature {
    const ALL: [Self; 13] = [
        Self::Ids32,
        Self::Meta,
        Self::Cancel,
        Self::Credits,
        Self::Chunks,
        Self::Names,
        Self::Limits,
        Self::Crc,
        Self::Contracts,
        Self::Proof,
        Self::Drain,
        Self::Guest,
        Self::Windows,
    ];

    /// The name in the handshake.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ids32 => "ids32",
            Self::Meta => "meta",
            Self::Cancel => "cancel",
            Self::Credits => "credits",
            Self::Chunks => "chunks",
            Self::Names => "names",
            Self::Limits => "limits",
            Self::Crc => "crc",
            Self::Contracts => "contracts",
            Self::Proof => "proof",
            Self::Drain => "drain",
            Self::Guest => "guest",
            Self::Windows => "windows",
        }
    }

    const fn bit(self) -> u16 {
        1 << self as u8
    }
}

/// A set of extensions.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Features(u16);

impl Features {
    /// Every extension that this version knows.
    pub(crate) fn all() -> Self {
        Feature::ALL.into_iter().fold(Self::default(), Self::with)
    }

    /// No extension: the peer speaks part 1 of the protocol only.
    pub(crate) const NONE: Self = Self(0);

    pub(crate) fn with(self, feature: Feature) -> Self {
        Self(self.0 | feature.bit())
    }

    pub(crate) fn without(self, feature: Feature) -> Self {
        Self(self.0 & !feature.bit())
    }

    pub(crate) fn has(self, feature: Feature) -> bool {
        self.0 & feature.bit() != 0
    }

    /// The extensions that are active between a node with this set and one with the other set: those in both. Windows are
    /// stated in metadata, so they are not active without.
    pub(crate) fn and(self, other: Self) -> Self {
        let both = Self(self.0 & other.0);
        if both.has(Feature::Meta) { both } else { both.without(Feature::Windows) }
    }

    /// The extensions of this set that are not in the other one.
    pub(crate) fn except(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The names for the handshake.
    pub(crate) fn names(self) -> Vec<String> {
        self.iter().map(|feature| feature.name().to_owned()).collect()
    }

    /// Reads the peer's names. Unknown ones belong to later versions and are skipped.
    pub(crate) fn from_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        names
            .into_iter()
            .filter_map(|name| Feature::ALL.into_iter().find(|feature| feature.name() == name))
            .fold(Self::NONE, Self::with)
    }

    fn iter(self) -> impl Iterator<Item = Feature> {
        Feature::ALL.into_iter().filter(move |feature| self.has(*feature))
    }
}

impl fmt::Debug for Features {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Feature::name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_unknown_ones_are_skipped() {
        let all = Features::all();
        let mut names = all.names();
        names.push("from-the-future".into());
        assert_eq!(Features::from_names(names.iter().map(String::as_str)), all);
    }

    #[test]
    fn only_what_both_know_is_active() {
        let old = Features::all().without(Feature::Meta);
        assert_eq!(old.and(Features::all()), old.without(Feature::Windows), "which need `meta`");
        assert!(!old.has(Feature::Meta) && old.has(Feature::Ids32));
        assert_eq!(old.and(Features::NONE), Features::NONE);
    }
}
