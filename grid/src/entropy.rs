//! Random numbers and the time of day: all that makes two runs of a node differ.
//!
//! Every part of the library takes both from here, so that a test can replace them for its thread (`grid::testing::Seeded`,
//! which is above all layers). Without the feature `testing` these are the generator of `rand` and the system's clock.

use std::time::SystemTime;

use rand::distr::uniform::{SampleRange, SampleUniform};
use rand::distr::{Distribution, StandardUniform};

/// A random value.
pub(crate) fn random<T>() -> T
where
    StandardUniform: Distribution<T>,
{
    #[cfg(feature = "testing")]
    if let Some(value) = seeded::draw(rand::RngExt::random) {
        return value;
    }
    rand::random()
}

/// A random value of a range, which must not be empty.
pub(crate) fn random_range<T: SampleUniform>(range: impl SampleRange<T>) -> T {
    #[cfg(feature = "testing")]
    if seeded::is_active() {
        return seeded::draw(|numbers| rand::RngExt::random_range(numbers, range))
            .expect("it was active on this thread a moment ago");
    }
    rand::random_range(range)
}

/// The time of day of the system's clock.
pub(crate) fn time_of_day() -> SystemTime {
    #[cfg(feature = "testing")]
    if let Some(time) = seeded::time_of_day() {
        return time;
    }
    SystemTime::now()
}

#[cfg(feature = "testing")]
pub(crate) mod seeded {
    //! What replaces both on one thread.

    use std::cell::RefCell;
    use std::time::{Duration, SystemTime};

    use rand::SeedableRng as _;
    use rand::rngs::StdRng;
    use tokio::time::Instant;

    /// When time begins: the first of January 2026. Certificates and tokens do not like 1970.
    const EPOCH: Duration = Duration::from_secs(1_767_225_600);

    thread_local! {
        static SOURCE: RefCell<Option<Source>> = const { RefCell::new(None) };
    }

    struct Source {
        numbers: StdRng,
        start: Instant,
    }

    /// Begins to take both from a seed and from tokio's clock. Returns `false` if this thread does so already.
    pub(crate) fn begin(seed: u64) -> bool {
        SOURCE.with_borrow_mut(|source| {
            let is_free = source.is_none();
            if is_free {
                let (numbers, start) = (StdRng::seed_from_u64(seed), Instant::now());
                *source = Some(Source { numbers, start });
            }
            is_free
        })
    }

    pub(crate) fn end() {
        SOURCE.take();
    }

    /// Whether this thread takes both from a seed.
    pub(crate) fn is_active() -> bool {
        SOURCE.with_borrow(Option::is_some)
    }

    pub(super) fn draw<T>(draw: impl FnOnce(&mut StdRng) -> T) -> Option<T> {
        SOURCE.with_borrow_mut(|source| source.as_mut().map(|source| draw(&mut source.numbers)))
    }

    pub(super) fn time_of_day() -> Option<SystemTime> {
        SOURCE.with_borrow(|source| {
            let source = source.as_ref()?;
            Some(SystemTime::UNIX_EPOCH + EPOCH + source.start.elapsed())
        })
    }
}
