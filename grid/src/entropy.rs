//! Random numbers and the time of day.
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
    return seeded::draw_range(range);
    #[cfg(not(feature = "testing"))]
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
    use std::convert::Infallible;
    use std::time::{Duration, SystemTime};

    use rand::distr::uniform::{SampleRange, SampleUniform};
    use rand::rngs::StdRng;
    use rand::{RngExt as _, SeedableRng as _, TryRng};
    use tokio::time::Instant;

    /// When time begins: the first of January 2026. Certificates and tokens are not valid in 1970.
    const EPOCH: Duration = Duration::from_secs(1_767_225_600);

    thread_local! {
        static SOURCE: RefCell<Option<Source>> = const { RefCell::new(None) };
    }

    struct Source {
        numbers: StdRng,
        start: Instant,
        /// Values of ranges are random, and not the middle.
        has_jitter: bool,
    }

    /// A generator whose numbers select the middle of a range. `rand` may reject a number, so that all values are equally likely;
    /// so each further one is a little larger.
    #[derive(Default)]
    struct Middle {
        drawn: u32,
    }

    impl TryRng for Middle {
        type Error = Infallible;

        fn try_next_u32(&mut self) -> Result<u32, Infallible> {
            self.drawn += 1;
            Ok((1 << 31) + 0x1_0001 * self.drawn)
        }

        fn try_next_u64(&mut self) -> Result<u64, Infallible> {
            self.drawn += 1;
            Ok((1 << 63) + 0x1_0000_0001 * u64::from(self.drawn))
        }

        fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
            bytes.fill(0x80);
            Ok(())
        }
    }

    /// Begins to take both from a seed and from tokio's clock. Returns `false` if this thread does so already.
    pub(crate) fn begin(seed: u64, has_jitter: bool) -> bool {
        SOURCE.with_borrow_mut(|source| {
            let is_free = source.is_none();
            if is_free {
                let (numbers, start) = (StdRng::seed_from_u64(seed), Instant::now());
                *source = Some(Source { numbers, start, has_jitter });
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

    pub(super) fn draw_range<T: SampleUniform>(range: impl SampleRange<T>) -> T {
        SOURCE.with_borrow_mut(|source| match source {
            Some(Source { numbers, has_jitter: true, .. }) => numbers.random_range(range),
            Some(_) => Middle::default().random_range(range),
            None => rand::random_range(range),
        })
    }

    pub(super) fn time_of_day() -> Option<SystemTime> {
        SOURCE.with_borrow(|source| {
            let source = source.as_ref()?;
            Some(SystemTime::UNIX_EPOCH + EPOCH + source.start.elapsed())
        })
    }
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn without_jitter_a_range_yields_its_middle() {
        assert!(seeded::begin(1, false) && !seeded::begin(1, false), "one for each thread");
        let second = Duration::from_secs(1);
        for range in [second..2 * second, second / 2..3 * second, Duration::ZERO..second / 10] {
            let middle = (range.start + range.end) / 2;
            let drawn = random_range(range);
            assert!(drawn.abs_diff(middle) <= Duration::from_millis(1), "{drawn:?} of {middle:?}");
        }
        assert_eq!([3, 7, 1000].map(|end| random_range(0_usize..end)), [1, 3, 500]);
        assert_ne!(random::<u64>(), random::<u64>(), "identities differ");

        let began = time_of_day();
        tokio::time::advance(second).await;
        assert_eq!(time_of_day().duration_since(began).unwrap(), second);
        seeded::end();
    }
}
