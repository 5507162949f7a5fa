//! The way to the writer: a queue bounded in bytes. Whoever puts waits for
//! room; the writer takes what lies there as one group. Must not know SQLite.

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
};

struct Held<T> {
    items: VecDeque<(T, usize)>,
    bytes: usize,
    closed: bool,
}

pub(crate) struct Queue<T> {
    held: Mutex<Held<T>>,
    /// Something arrived, or the queue closed.
    arrived: Condvar,
    /// Room was made, or the queue closed.
    room: Condvar,
    bytes_max: usize,
}

impl<T> Queue<T> {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Queue {
            held: Mutex::new(Held { items: VecDeque::new(), bytes: 0, closed: false }),
            arrived: Condvar::new(),
            room: Condvar::new(),
            bytes_max,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Held<T>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts an item, waiting for room. Gives it back once the queue is closed.
    /// An item larger than the bound passes alone.
    pub(crate) fn put(&self, item: T, bytes: usize) -> Result<(), T> {
        let mut held = self.lock();
        while !held.closed && held.bytes > 0 && held.bytes + bytes > self.bytes_max {
            held = self.room.wait(held).unwrap_or_else(PoisonError::into_inner);
        }
        if held.closed {
            return Err(item);
        }
        held.items.push_back((item, bytes));
        held.bytes += bytes;
        self.arrived.notify_one();
        Ok(())
    }

    /// Waits for items and takes as many as fit the group's bounds, one at
    /// least. `None`: closed and empty.
    pub(crate) fn take(&self, items_max: usize, bytes_max: usize) -> Option<Vec<T>> {
        let mut held = self.lock();
        while held.items.is_empty() {
            if held.closed {
                return None;
            }
            held = self.arrived.wait(held).unwrap_or_else(PoisonError::into_inner);
        }
        let mut group = Vec::new();
        let mut group_bytes = 0;
        while let Some((_, bytes)) = held.items.front() {
            if group.len() >= items_max || (!group.is_empty() && group_bytes + bytes > bytes_max) {
                break;
            }
            if let Some((item, bytes)) = held.items.pop_front() {
                group_bytes += bytes;
                held.bytes -= bytes;
                group.push(item);
            }
        }
        self.room.notify_all();
        Some(group)
    }

    /// Takes nothing more and drops what lies there: nobody will take it.
    pub(crate) fn abandon(&self) {
        self.close();
        let dropped = std::mem::take(&mut self.lock().items);
        drop(dropped);
    }

    /// Takes nothing more; what lies there can still be taken.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_all();
        self.room.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_stays_within_its_bounds_but_is_never_empty() {
        let queue = Queue::new(1000);
        for (n, bytes) in [300, 200, 100, 100].into_iter().enumerate() {
            assert!(queue.put(n, bytes).is_ok());
        }
        assert_eq!(queue.take(10, 250), Some(vec![0]));
        assert_eq!(queue.take(10, 300), Some(vec![1, 2]));
        assert_eq!(queue.take(10, 300), Some(vec![3]));
    }

    #[test]
    fn a_closed_queue_gives_what_it_holds_and_takes_no_more() {
        let queue = Queue::new(10);
        assert!(queue.put(1, 4).is_ok());
        queue.close();
        assert_eq!(queue.put(2, 4), Err(2));
        assert_eq!(queue.take(10, 10), Some(vec![1]));
        assert_eq!(queue.take(10, 10), None);
    }

    #[test]
    fn putting_waits_until_there_is_room() {
        let queue = Queue::new(10);
        assert!(queue.put(1, 8).is_ok());
        std::thread::scope(|scope| {
            let second = scope.spawn(|| queue.put(2, 8));
            assert_eq!(queue.take(1, 10), Some(vec![1]));
            assert_eq!(second.join().unwrap(), Ok(()));
        });
        assert_eq!(queue.take(1, 10), Some(vec![2]));
    }
}
