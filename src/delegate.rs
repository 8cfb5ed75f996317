//! Traits for references and smart pointers.

/// Implements a dyn-compatible trait for `&S`, `Box<S>` and `Arc<S>` of everything that implements it, by calling the methods listed. Provided
/// methods that an implementation may override belong in the list.
macro_rules! delegate {
    (impl[$($generics:tt)*] $trait:path { $($methods:tt)* }) => {
        $crate::delegate::delegate!(@impl [$($generics)*] [$trait] [&S] $($methods)*);
        $crate::delegate::delegate!(@impl [$($generics)*] [$trait] [Box<S>] $($methods)*);
        $crate::delegate::delegate!(@impl [$($generics)*] [$trait] [std::sync::Arc<S>] $($methods)*);
    };
    (@impl [$($generics:tt)*] [$trait:path] [$pointer:ty] $(fn $name:ident(&self $(, $argument:ident: $type:ty)* $(,)?) $(-> $result:ty)?;)*) => {
        impl<$($generics)* S: $trait + ?Sized> $trait for $pointer {
            $(
                fn $name(&self $(, $argument: $type)*) $(-> $result)? {
                    (**self).$name($($argument),*)
                }
            )*
        }
    };
}
pub(crate) use delegate;
