//! Modules of the example programs, in a library so that tests can use them; see the binaries.

pub mod chat;
pub mod local;
pub mod locks;
pub mod peer;
pub mod signal;

/// The code blocks of the README, compiled as doc tests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
mod readme {}

/// The code blocks of the guide, likewise.
#[cfg(doctest)]
mod guide {
    #[doc = include_str!("../../docs/guide/getting-started.md")]
    mod getting_started {}
    #[doc = include_str!("../../docs/guide/services.md")]
    mod services {}
    #[doc = include_str!("../../docs/guide/errors.md")]
    mod errors {}
    #[doc = include_str!("../../docs/guide/evolution.md")]
    mod evolution {}
    #[doc = include_str!("../../docs/guide/retries.md")]
    mod retries {}
    #[doc = include_str!("../../docs/guide/groups.md")]
    mod groups {}
    #[doc = include_str!("../../docs/guide/interceptors.md")]
    mod interceptors {}
    #[doc = include_str!("../../docs/guide/observing.md")]
    mod observing {}
    #[doc = include_str!("../../docs/guide/mounting.md")]
    mod mounting {}
    #[doc = include_str!("../../docs/guide/tls.md")]
    mod tls {}
    #[doc = include_str!("../../docs/guide/configuration.md")]
    mod configuration {}
    #[doc = include_str!("../../docs/guide/deployment.md")]
    mod deployment {}
    #[doc = include_str!("../../docs/guide/coming-from.md")]
    mod coming_from {}
    #[doc = include_str!("../../docs/guide/testing.md")]
    mod testing {}
    #[doc = include_str!("../../docs/guide/command.md")]
    mod command {}
    #[doc = include_str!("../../docs/guide/security.md")]
    mod security {}
    #[cfg(unix)]
    #[doc = include_str!("../../docs/guide/members.md")]
    mod members {}
}
