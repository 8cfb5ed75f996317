//! What has a dimension, and what has levels: the two supertraits that the traits of all rooms share.

use crate::delegate::delegate;

/// A space ℝ^d, or anything that lives on one: a law, a score, a flow map, a consistency function.
///
/// The one trait of the crate with a `dim`, so that `x.dim()` is never ambiguous, whatever else is imported.
///
/// # Example
/// ```
/// use onestep::Space;
/// use onestep::law::{Gaussian, Product};
/// let plane = Product::new(vec![Gaussian::standard(1)?, Gaussian::standard(1)?])?;
/// let space: &dyn Space = &plane;
/// assert_eq!(space.dim(), 2);
/// # Ok::<(), onestep::Error>(())
/// ```
pub trait Space {
    /// The dimension d.
    fn dim(&self) -> usize;
}

/// A family indexed by the levels 1..=T of a [`Grid`](crate::Grid); it may hold only some of its members (a recursion over a million steps
/// keeps a few of its functions).
///
/// # Example
/// ```
/// use onestep::Family;
/// use onestep::consistency::ConsistencyFn;
/// let family = ConsistencyFn::new(1, 3, |t, x: &[f64], out: &mut [f64]| out[0] = x[0] / t as f64);
/// assert!(family.steps() == 3 && family.holds(3) && !family.holds(4) && !family.holds(0));
/// ```
pub trait Family: Space {
    /// The number T of levels.
    fn steps(&self) -> usize;

    /// Whether member `t` can be evaluated. By default every t in 1..=T can.
    fn holds(&self, t: usize) -> bool {
        (1..=self.steps()).contains(&t)
    }
}

delegate! {
    impl[] Space {
        fn dim(&self) -> usize;
    }
}

delegate! {
    impl[] Family {
        fn steps(&self) -> usize;
        fn holds(&self, t: usize) -> bool;
    }
}

/// [`Space::dim`] as a method of the type itself, so that it needs no import.
macro_rules! inherent_dim {
    ([$($generics:tt)*] $type:ty) => {
        impl<$($generics)*> $type {
            /// The dimension d: [`Space::dim`](crate::Space::dim), without an import.
            #[must_use]
            pub fn dim(&self) -> usize {
                $crate::space::Space::dim(self)
            }
        }
    };
}
pub(crate) use inherent_dim;

/// [`Family::steps`] and [`Family::holds`] as methods of the type itself.
macro_rules! inherent_family {
    ([$($generics:tt)*] $type:ty) => {
        impl<$($generics)*> $type {
            /// The number T of levels: [`Family::steps`](crate::Family::steps), without an import.
            #[must_use]
            pub fn steps(&self) -> usize {
                $crate::space::Family::steps(self)
            }

            /// Whether member `t` can be evaluated: [`Family::holds`](crate::Family::holds), without an import.
            #[must_use]
            pub fn holds(&self, t: usize) -> bool {
                $crate::space::Family::holds(self, t)
            }
        }
    };
}
pub(crate) use inherent_family;
