//! Equal points of a cloud as one point of their joint mass.

/// The different points of positive mass of a cloud.
#[derive(Debug)]
pub(in crate::transport) struct Merged {
    pub(in crate::transport) masses: Vec<i128>,
    /// Rows of the cloud at each point.
    members: Vec<Vec<u32>>,
}

impl Merged {
    /// Sorts the rows and joins equal neighbours. Rows without mass are left out.
    pub(in crate::transport) fn new<'a>(point: impl Fn(usize) -> &'a [f64], masses: &[i128]) -> Self {
        let compare = |&i: &u32, &j: &u32| {
            let pairs = point(i as usize).iter().zip(point(j as usize));
            pairs.map(|(a, b)| a.total_cmp(b)).find(|order| order.is_ne()).unwrap_or(std::cmp::Ordering::Equal)
        };
        let mut rows: Vec<u32> = (0..masses.len() as u32).filter(|&i| masses[i as usize] > 0).collect();
        rows.sort_by(compare);
        let members: Vec<Vec<u32>> = rows.chunk_by(|i, j| compare(i, j).is_eq()).map(<[u32]>::to_vec).collect();
        let mass = |rows: &Vec<u32>| rows.iter().map(|&i| masses[i as usize]).sum();
        Self { masses: members.iter().map(mass).collect(), members }
    }

    /// The points in another order: `order[k]` becomes the k-th.
    pub(in crate::transport) fn reordered(self, order: &[u32]) -> Self {
        let masses = order.iter().map(|&k| self.masses[k as usize]).collect();
        let mut members = self.members;
        Self { masses, members: order.iter().map(|&k| std::mem::take(&mut members[k as usize])).collect() }
    }

    /// The number of different points.
    pub(in crate::transport) fn len(&self) -> usize {
        self.members.len()
    }

    /// A row at each point.
    pub(in crate::transport) fn first(&self) -> Vec<u32> {
        self.members.iter().map(|rows| rows[0]).collect()
    }

    /// With the rows without mass as further points, one each.
    pub(in crate::transport) fn with_massless(&self, masses: &[i128]) -> Self {
        let massless = (0..masses.len() as u32).filter(|&i| masses[i as usize] == 0).map(|i| vec![i]);
        let members: Vec<Vec<u32>> = self.members.iter().cloned().chain(massless).collect();
        let mut masses = self.masses.clone();
        masses.resize(members.len(), 0);
        Self { masses, members }
    }

    /// Values of the points as values of the rows, all of which belong to a point.
    pub(in crate::transport) fn spread(&self, values: &[f64], rows: usize) -> Vec<f64> {
        let mut spread = vec![0.0; rows];
        for (members, &value) in self.members.iter().zip(values) {
            for &i in members {
                spread[i as usize] = value;
            }
        }
        spread
    }
}

/// Splits flows between merged points among their members, in order: at most as many more parts as there are members.
pub(in crate::transport) fn split(
    flows: &[(u32, u32, i128)],
    (x, x_masses): (&Merged, &[i128]),
    (y, y_masses): (&Merged, &[i128]),
) -> Vec<(usize, usize, i128)> {
    let mut from = Cursors::new(x, x_masses);
    let mut to = Cursors::new(y, y_masses);
    let mut parts = Vec::with_capacity(flows.len());
    for &(i, j, flow) in flows {
        let mut left = flow;
        while left > 0 {
            let (row, room) = from.current(i);
            let (column, need) = to.current(j);
            let mass = left.min(room).min(need);
            parts.push((row as usize, column as usize, mass));
            from.take(i, mass);
            to.take(j, mass);
            left -= mass;
        }
    }
    parts.sort_unstable();
    parts
}

/// How far the members of each point are used up.
struct Cursors<'a> {
    points: &'a Merged,
    masses: &'a [i128],
    /// Member in turn and what is left of it.
    state: Vec<(usize, i128)>,
}

impl<'a> Cursors<'a> {
    fn new(points: &'a Merged, masses: &'a [i128]) -> Self {
        let state = points.members.iter().map(|rows| (0, masses[rows[0] as usize])).collect();
        Self { points, masses, state }
    }

    fn current(&self, point: u32) -> (u32, i128) {
        let (member, left) = self.state[point as usize];
        (self.points.members[point as usize][member], left)
    }

    fn take(&mut self, point: u32, mass: i128) {
        let (member, left) = &mut self.state[point as usize];
        *left -= mass;
        if *left == 0
            && let Some(&next) = self.points.members[point as usize].get(*member + 1)
        {
            *member += 1;
            *left = self.masses[next as usize];
        }
    }
}
