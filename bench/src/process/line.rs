//! A line with a delay and a bandwidth, in front of a listener: threads that pass bytes on when they would have arrived.
//!
//! The kernel has no delay for the loopback interface here, and this one is the same for every contender. Like a router, it
//! stops taking bytes when its buffer is full. Nothing is lost: a loss is a pause in which nothing arrives.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::cell::Line;
use crate::error::Result;

/// Bytes that a read takes at most. A quarter of a millisecond of the line.
const READ_BYTES: usize = 32 << 10;

/// What the line buffers beside what is on its way.
const BUFFER_BYTES: usize = 256 << 10;

impl Line {
    /// Puts the line in front of a listener, and returns the address at its other end.
    pub(crate) fn to(self, listener: SocketAddr) -> Result<SocketAddr> {
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = socket.local_addr()?;
        thread::spawn(move || {
            for near in socket.incoming() {
                let _ = near.and_then(|near| self.join(near, TcpStream::connect(listener)?));
            }
        });
        Ok(address)
    }

    fn join(self, near: TcpStream, far: TcpStream) -> std::io::Result<()> {
        for socket in [&near, &far] {
            socket.set_nodelay(true)?;
        }
        let back = (far.try_clone()?, near.try_clone()?);
        for (from, to) in [(near, far), back] {
            let way = Arc::new(Way::default());
            let reader = Arc::clone(&way);
            thread::spawn(move || self.read(from, &reader));
            thread::spawn(move || way.write(to));
        }
        Ok(())
    }

    /// Takes bytes in as fast as the line carries them.
    fn read(self, mut from: TcpStream, way: &Way) {
        let delay = self.round_trip / 2;
        let on_the_way = delay.as_secs_f64() * f64::from(self.bytes_per_second);
        let room = on_the_way as usize + BUFFER_BYTES;
        let mut free_at = Instant::now();
        let (mut passed, mut stalled_until) = (0, free_at);
        loop {
            let mut bytes = vec![0; READ_BYTES];
            let len = match from.read(&mut bytes) {
                Ok(len) => len,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => 0,
            };
            bytes.truncate(len);
            let takes = Duration::from_secs_f64(len as f64 / f64::from(self.bytes_per_second));
            free_at = free_at.max(Instant::now()) + takes;
            passed += len;
            if let Some(bytes_per_loss) = self.bytes_per_loss
                && passed >= bytes_per_loss
            {
                passed = 0;
                stalled_until = free_at + delay + self.round_trip;
            }
            way.push(stalled_until.max(free_at + delay), bytes, room);
            if len == 0 {
                return;
            }
        }
    }
}

/// One direction of a connection.
#[derive(Default)]
struct Way {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    /// What arrives when; no bytes are the end.
    bytes: VecDeque<(Instant, Vec<u8>)>,
    len: usize,
}

impl Way {
    /// Waits until there is room.
    fn push(&self, at: Instant, bytes: Vec<u8>, room: usize) {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let is_full = |queue: &mut Queue| queue.len > room;
        let queue = self.changed.wait_while(queue, is_full);
        let mut queue = queue.unwrap_or_else(PoisonError::into_inner);
        queue.len += bytes.len();
        queue.bytes.push_back((at, bytes));
        self.changed.notify_all();
    }

    fn pop(&self) -> (Instant, Vec<u8>) {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let queue = self.changed.wait_while(queue, |queue| queue.bytes.is_empty());
        let mut queue = queue.unwrap_or_else(PoisonError::into_inner);
        let Some((at, bytes)) = queue.bytes.pop_front() else { unreachable!("waited for it") };
        queue.len -= bytes.len();
        self.changed.notify_all();
        (at, bytes)
    }

    fn write(&self, mut to: TcpStream) {
        loop {
            let (at, bytes) = self.pop();
            thread::sleep(at.saturating_duration_since(Instant::now()));
            if bytes.is_empty() || to.write_all(&bytes).is_err() {
                // Both ways end with the process.
                let _ = to.shutdown(Shutdown::Write);
                return;
            }
        }
    }
}
