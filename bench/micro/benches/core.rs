//! Micro-benchmarks of what no other program can reach: the codec, the merging of messages, and links without sockets.
//!
//! Each is a few lines over the doors in `grid/src/proto/internals/benches.rs`; what to make of the figures is in
//! bench/README.md. Without `--bench`, as `cargo test` starts it, each runs once and nothing is timed.

use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use divan::counter::{BytesCount, ItemsCount};
use divan::{AllocProfiler, Bencher, black_box};
use grid::__internals::{self as core, LinkPair, Outbox};

#[global_allocator]
static ALLOC: AllocProfiler = AllocProfiler::system();

/// Runs of the code between two readings of the clock. Left to itself, divan takes one where the first run, a cold one, is
/// slow, and then reads the clock for 100 ns.
const SAMPLE_SIZE: u32 = 64;

/// Such samples of each benchmark: ten seconds or so for all.
const SAMPLE_COUNT: u32 = 500;

fn main() {
    divan::Divan::default()
        .sample_size(SAMPLE_SIZE)
        .sample_count(SAMPLE_COUNT)
        .config_with_args()
        .main();
}

/// What bench/README.md measures whole calls with.
const PAYLOAD: [u8; 512] = [7; 512];

/// What the outbox merges at most.
const PARTS_MAX: usize = 51;

mod wire {
    use super::*;

    #[divan::bench]
    fn encode_header(bencher: Bencher<'_, '_>) {
        let mut out = BytesMut::with_capacity(1024);
        bencher.bench_local(|| {
            out.clear();
            core::encode_header(&mut out);
            black_box(out.len())
        });
    }

    #[divan::bench]
    fn decode_header(bencher: Bencher<'_, '_>) {
        let message = encoded(core::encode_header);
        bencher.bench_local(|| drop(black_box(core::decode(message.clone()))));
    }

    #[divan::bench]
    fn encode_request(bencher: Bencher<'_, '_>) {
        let mut out = BytesMut::with_capacity(1024);
        bencher.counter(BytesCount::of_slice(&PAYLOAD)).bench_local(|| {
            out.clear();
            core::encode_request(black_box(&PAYLOAD), &mut out);
            black_box(out.len())
        });
    }

    #[divan::bench]
    fn decode_request(bencher: Bencher<'_, '_>) {
        let message = encoded(|out| core::encode_request(&PAYLOAD, out));
        bencher
            .counter(BytesCount::of_slice(&PAYLOAD))
            .bench_local(|| drop(black_box(core::decode(message.clone()))));
    }

    #[divan::bench]
    fn encode_merged(bencher: Bencher<'_, '_>) {
        let mut outbox = Outbox::new();
        bencher
            .counter(ItemsCount::new(PARTS_MAX))
            .bench_local(|| drop(merge(&mut outbox, PARTS_MAX, &PAYLOAD)));
    }

    #[divan::bench]
    fn decode_merged(bencher: Bencher<'_, '_>) {
        let message = merge(&mut Outbox::new(), PARTS_MAX, &PAYLOAD);
        bencher.counter(ItemsCount::new(PARTS_MAX)).bench_local(|| {
            let bytes = core::decode_merged(message.clone());
            assert_eq!(bytes, PARTS_MAX * PAYLOAD.len());
        });
    }

    #[divan::bench(args = [64, 600, 32 << 10, 1 << 20])]
    fn checksum(bencher: Bencher<'_, '_>, len: usize) {
        let bytes = vec![7_u8; len];
        bencher.counter(BytesCount::new(len)).bench_local(|| core::checksum(black_box(&bytes)));
    }

    fn encoded(encode: impl FnOnce(&mut BytesMut)) -> Bytes {
        let mut out = BytesMut::new();
        encode(&mut out);
        out.freeze()
    }
}

/// Small messages into the outbox, one message for the socket out of it, which is gone before the next.
#[divan::bench(args = [1, 16, PARTS_MAX])]
fn merge_small(bencher: Bencher<'_, '_>, parts: usize) {
    let mut outbox = Outbox::new();
    bencher
        .counter(ItemsCount::new(parts))
        .bench_local(|| drop(merge(&mut outbox, parts, &[7; 32])));
}

fn merge(outbox: &mut Outbox, parts: usize, payload: &[u8]) -> Bytes {
    for _ in 0..parts {
        outbox.push(payload);
    }
    let message = outbox.pop().expect("what was pushed");
    assert!(outbox.pop().is_none(), "all of it in one message");
    black_box(message)
}

/// Both ends of the work, on one core, without anything in between.
mod link {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(10);

    /// From the start of a call to its answer in the caller's hands.
    #[divan::bench(args = [1, 64])]
    fn calls(bencher: Bencher<'_, '_>, in_flight: usize) {
        run_calls(bencher, in_flight, None);
    }

    /// The same, a timer armed and dropped for each. The callee has one for each either way.
    #[divan::bench(args = [1, 64])]
    fn calls_with_deadline(bencher: Bencher<'_, '_>, in_flight: usize) {
        run_calls(bencher, in_flight, Some(TIMEOUT));
    }

    fn run_calls(bencher: Bencher<'_, '_>, in_flight: usize, timeout: Option<Duration>) {
        let (mut pair, payload) = (pair(), Bytes::from_static(&PAYLOAD));
        let mut calls = Vec::with_capacity(in_flight);
        bencher.counter(ItemsCount::new(in_flight)).bench_local(|| {
            calls.extend((0..in_flight).map(|_| pair.start_call(&payload, timeout)));
            pair.round_trip();
            for call in calls.drain(..) {
                black_box(pair.take_answer(call));
            }
        });
    }

    /// Started with a deadline and given up at once; the callee hears of both.
    #[divan::bench(args = [1, 64])]
    fn calls_given_up(bencher: Bencher<'_, '_>, in_flight: usize) {
        let (mut pair, payload) = (pair(), Bytes::from_static(&PAYLOAD));
        bencher.counter(ItemsCount::new(in_flight)).bench_local(|| {
            for _ in 0..in_flight {
                let call = pair.start_call(&payload, Some(TIMEOUT));
                pair.forget_call(call);
            }
            pair.round_trip();
        });
    }

    /// Items of one stream, taken, with their credits given back: two round trips, one for either.
    #[divan::bench(args = [1, 64])]
    fn stream_items(bencher: Bencher<'_, '_>, items: usize) {
        let (mut pair, item) = (pair(), Bytes::from_static(&PAYLOAD));
        let stream = pair.open_stream();
        bencher.counter(ItemsCount::new(items)).bench_local(|| {
            for _ in 0..items {
                pair.send(stream, &item);
            }
            pair.round_trip();
            for _ in 0..items {
                black_box(pair.recv(stream));
            }
            pair.round_trip();
        });
    }

    fn pair() -> LinkPair {
        #[expect(clippy::disallowed_methods, reason = "an arbitrary origin, read once")]
        let now = Instant::now();
        LinkPair::new(now)
    }
}

/// Values to payloads and back, with the buffer that each thread keeps for it.
mod typed {
    use grid::__private::Layout;
    use grid::Payload;
    use serde::{Deserialize, Serialize};

    use super::*;

    /// As in the work `struct` of bench/README.md.
    #[derive(Debug, Clone, Serialize, Deserialize)]
    struct Small {
        id: u64,
        name: String,
        size: u64,
        ratio: f64,
        is_dir: bool,
        parts: Vec<u32>,
    }

    fn small() -> Small {
        Small {
            id: 1 << 40,
            name: "bucket/object".to_owned(),
            size: 123_456,
            ratio: 0.5,
            is_dir: false,
            parts: vec![1, 2, 70_000],
        }
    }

    #[divan::bench]
    fn encode_struct(bencher: Bencher<'_, '_>) {
        bencher.with_inputs(small).bench_local_values(|value| drop(black_box(encode(value))));
    }

    #[divan::bench]
    fn decode_struct(bencher: Bencher<'_, '_>) {
        let payload = encode(small());
        bencher.bench_local(|| drop(black_box(decode::<Small>(payload.clone()))));
    }

    #[divan::bench]
    fn encode_struct_compact(bencher: Bencher<'_, '_>) {
        bencher
            .with_inputs(small)
            .bench_local_values(|value| drop(black_box(encode_compact(value))));
    }

    #[divan::bench]
    fn decode_struct_compact(bencher: Bencher<'_, '_>) {
        let payload = encode_compact(small());
        bencher.bench_local(|| drop(black_box(decode::<Small>(payload.clone()))));
    }

    #[divan::bench]
    fn encode_bytes(bencher: Bencher<'_, '_>) {
        let bytes = Bytes::from_static(&PAYLOAD);
        bencher
            .with_inputs(|| bytes.clone())
            .bench_local_values(|value| drop(black_box(encode(value))));
    }

    #[divan::bench]
    fn decode_bytes(bencher: Bencher<'_, '_>) {
        let payload = encode(Bytes::from_static(&PAYLOAD));
        bencher.bench_local(|| drop(black_box(decode::<Bytes>(payload.clone()))));
    }

    /// 1 MiB of bytes, encoded and decoded: the same value as each of the types that hold bytes.
    mod mebibyte {
        use std::borrow::Cow;

        use super::*;

        const LEN: usize = 1 << 20;

        #[derive(Clone, Serialize, Deserialize)]
        struct Block {
            at: u64,
            data: Vec<u8>,
        }

        #[divan::bench(sample_count = 100, sample_size = 4)]
        fn bytes(bencher: Bencher<'_, '_>) {
            both_ways(bencher, Bytes::from(vec![200; LEN]));
        }

        #[divan::bench(sample_count = 100, sample_size = 4)]
        fn vec(bencher: Bencher<'_, '_>) {
            both_ways(bencher, vec![200_u8; LEN]);
        }

        #[divan::bench(sample_count = 100, sample_size = 4)]
        fn boxed(bencher: Bencher<'_, '_>) {
            both_ways(bencher, vec![200_u8; LEN].into_boxed_slice());
        }

        #[divan::bench(sample_count = 100, sample_size = 4)]
        fn cow(bencher: Bencher<'_, '_>) {
            both_ways(bencher, Cow::<'static, [u8]>::Owned(vec![200; LEN]));
        }

        #[divan::bench(sample_count = 100, sample_size = 4)]
        fn vec_in_struct(bencher: Bencher<'_, '_>) {
            both_ways(bencher, Block { at: 7, data: vec![200; LEN] });
        }

        fn both_ways<T: Payload + Clone>(bencher: Bencher<'_, '_>, value: T) {
            bencher
                .counter(BytesCount::new(LEN))
                .with_inputs(|| value.clone())
                .bench_local_values(|value| drop(black_box(decode::<T>(encode(value)))));
        }
    }

    fn encode_compact<T: Payload>(value: T) -> Option<Bytes> {
        value.__encode(Layout::Compact).expect("it can be encoded").map(|body| body.into_bytes())
    }

    fn encode<T: Payload>(value: T) -> Option<Bytes> {
        value.__encode(Layout::Named).expect("it can be encoded").map(|body| body.into_bytes())
    }

    fn decode<T: Payload>(payload: Option<Bytes>) -> T {
        T::__decode(payload).expect("own bytes")
    }
}
