//! Flows from rows to columns along the pairs that a threshold allows.
//!
//! Dinic's method (*Soviet Math. Dokl.* 11, 1970): shortest augmenting paths, a whole level graph at a time. For unit masses it is the
//! matching algorithm of Hopcroft and Karp (*SIAM J. Comput.* 2, 1973).

use crate::transport::integer::Number;

/// Not reached.
const FAR: u32 = u32::MAX;

/// Masses on pairs, and what rows and columns have left.
#[derive(Debug, Clone)]
pub(super) struct Flow<M> {
    left: Vec<M>,
    room: Vec<M>,
    /// Rows whose mass a column holds.
    held: Vec<Vec<(u32, M)>>,
}

/// Distances from the rows with mass left, in arcs.
#[derive(Debug)]
struct Levels {
    rows: Vec<u32>,
    columns: Vec<u32>,
    /// Where the search of each row and of each column goes on.
    next_column: Vec<u32>,
    next_row: Vec<u32>,
}

impl<M: Number + Ord> Flow<M> {
    /// No mass placed.
    pub(super) fn new(supply: &[M], demand: &[M]) -> Self {
        Self { left: supply.to_vec(), room: demand.to_vec(), held: vec![Vec::new(); demand.len()] }
    }

    /// Whether all mass is placed.
    pub(super) fn is_whole(&self) -> bool {
        self.left.iter().all(|&left| left == M::ZERO)
    }

    /// (i, j, mass) of all pairs that carry some.
    pub(super) fn pairs(&self) -> Vec<(usize, usize, M)> {
        let columns = self.held.iter().enumerate();
        let mut pairs: Vec<_> = columns.flat_map(|(j, held)| held.iter().map(move |&(i, mass)| (i as usize, j, mass))).collect();
        pairs.sort_unstable_by_key(|&(i, j, _)| (i, j));
        pairs
    }

    /// Takes back the mass on pairs that are not allowed.
    pub(super) fn restrict(&mut self, allowed: impl Fn(usize, usize) -> bool) {
        for (j, held) in self.held.iter_mut().enumerate() {
            held.retain(|&(i, mass)| {
                let keep = allowed(i as usize, j);
                if !keep {
                    self.left[i as usize] = self.left[i as usize] + mass;
                    self.room[j] = self.room[j] + mass;
                }
                keep
            });
        }
    }

    /// Places as much mass as the allowed pairs can carry.
    pub(super) fn fill(&mut self, allowed: impl Fn(usize, usize) -> bool) {
        while let Some(mut levels) = self.levels(&allowed) {
            for source in 0..self.left.len() as u32 {
                while self.left[source as usize] > M::ZERO && self.augment(source, &mut levels, &allowed) {}
            }
            self.held.iter_mut().for_each(|held| held.retain(|&(_, mass)| mass > M::ZERO));
        }
    }

    /// Distances by breadth-first search; nothing if no column with room is reached.
    fn levels(&self, allowed: &impl Fn(usize, usize) -> bool) -> Option<Levels> {
        let (rows, columns) = (self.left.len(), self.room.len());
        let mut levels =
            Levels { rows: vec![FAR; rows], columns: vec![FAR; columns], next_column: vec![0; rows], next_row: vec![0; columns] };
        let mut front: Vec<u32> = (0..rows as u32).filter(|&i| self.left[i as usize] > M::ZERO).collect();
        front.iter().for_each(|&i| levels.rows[i as usize] = 0);
        let mut unseen: Vec<u32> = (0..columns as u32).collect();
        let (mut level, mut found) = (0, false);
        while !front.is_empty() && !found {
            let mut behind = Vec::new();
            for &i in &front {
                unseen.retain(|&j| {
                    let reached = allowed(i as usize, j as usize);
                    if reached {
                        levels.columns[j as usize] = level + 1;
                        found |= self.room[j as usize] > M::ZERO;
                        behind.push(j);
                    }
                    !reached
                });
            }
            front.clear();
            for &(i, _) in behind.iter().flat_map(|&j| &self.held[j as usize]) {
                if levels.rows[i as usize] == FAR {
                    levels.rows[i as usize] = level + 2;
                    front.push(i);
                }
            }
            level += 2;
        }
        found.then_some(levels)
    }

    /// Sends mass from a row to a column with room along one shortest path. Returns whether there was one.
    fn augment(&mut self, source: u32, levels: &mut Levels, allowed: &impl Fn(usize, usize) -> bool) -> bool {
        // Rows of the path, each with the column it goes on to and the place in that column of the row after it.
        let mut path: Vec<(u32, u32, usize)> = Vec::new();
        let mut row = source;
        loop {
            if let Some(column) = self.column_after(row, levels, allowed) {
                if self.room[column as usize] > M::ZERO {
                    self.send(source, &path, row, column);
                    return true;
                }
                if let Some(place) = self.row_after(column, levels) {
                    path.push((row, column, place));
                    row = self.held[column as usize][place].0;
                } else {
                    levels.next_column[row as usize] += 1;
                }
            } else {
                let Some((before, column, _)) = path.pop() else { return false };
                levels.next_row[column as usize] += 1;
                row = before;
            }
        }
    }

    /// The column where the search of a row goes on.
    fn column_after(&self, row: u32, levels: &mut Levels, allowed: &impl Fn(usize, usize) -> bool) -> Option<u32> {
        let level = levels.rows[row as usize].checked_add(1)?;
        let next = &mut levels.next_column[row as usize];
        while (*next as usize) < self.room.len() {
            if levels.columns[*next as usize] == level && allowed(row as usize, *next as usize) {
                return Some(*next);
            }
            *next += 1;
        }
        None
    }

    /// The place in a column of the row where its search goes on.
    fn row_after(&self, column: u32, levels: &mut Levels) -> Option<usize> {
        let level = levels.columns[column as usize] + 1;
        let next = &mut levels.next_row[column as usize];
        while let Some(&(row, mass)) = self.held[column as usize].get(*next as usize) {
            if mass > M::ZERO && levels.rows[row as usize] == level {
                return Some(*next as usize);
            }
            *next += 1;
        }
        None
    }

    /// Sends what the path to `column` by way of `row` can carry.
    fn send(&mut self, source: u32, path: &[(u32, u32, usize)], row: u32, column: u32) {
        let ends = self.left[source as usize].min(self.room[column as usize]);
        let mass = path.iter().fold(ends, |least, &(_, column, place)| least.min(self.held[column as usize][place].1));
        self.left[source as usize] = self.left[source as usize] - mass;
        self.room[column as usize] = self.room[column as usize] - mass;
        for &(row, column, place) in path {
            let held = &mut self.held[column as usize][place].1;
            *held = *held - mass;
            self.give(row, column, mass);
        }
        self.give(row, column, mass);
    }

    fn give(&mut self, row: u32, column: u32, mass: M) {
        let held = &mut self.held[column as usize];
        match held.iter_mut().find(|(holder, _)| *holder == row) {
            Some((_, held)) => *held = *held + mass,
            None => held.push((row, mass)),
        }
    }
}
