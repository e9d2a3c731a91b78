//! The order in which addresses are tried (RFC 8305, section 4).

use std::net::SocketAddr;

/// Takes the two families in turn, beginning with that of the first address; the addresses of one
/// family stay in their order. So one family that leads nowhere costs one delay, however many
/// addresses it has.
pub(super) fn interleave(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let Some(first) = addresses.first() else { return addresses };
    let first_is_v4 = first.is_ipv4();
    let count = addresses.len();
    let (first, second): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| address.is_ipv4() == first_is_v4);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut ordered = Vec::with_capacity(count);
    while ordered.len() < count {
        ordered.extend(first.next());
        ordered.extend(second.next());
    }
    ordered
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn addresses(text: &str) -> Vec<SocketAddr> {
        let address = |(index, family): (usize, char)| match family {
            '4' => SocketAddr::from(([192, 0, 2, index as u8], 80)),
            _ => SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 0, index as u16], 80)),
        };
        text.chars().enumerate().map(address).collect()
    }

    fn families(addresses: &[SocketAddr]) -> String {
        addresses.iter().map(|address| if address.is_ipv4() { '4' } else { '6' }).collect()
    }

    #[test]
    fn families_take_turns_and_the_resolver_says_which_begins() {
        for (given, tried) in [
            ("", ""),
            ("4", "4"),
            ("666444", "646464"),
            ("4466", "4646"),
            ("66664", "64666"),
            ("444", "444"),
            ("6444", "6444"),
        ] {
            assert_eq!(families(&interleave(addresses(given))), tried, "{given}");
        }
    }

    proptest! {
        #[test]
        fn each_address_is_tried_once_and_in_the_order_of_its_family(given in "[46]{0,40}") {
            let given = addresses(&given);
            let tried = interleave(given.clone());
            prop_assert_eq!(tried.first(), given.first());
            for is_v4 in [true, false] {
                let of = |list: &[SocketAddr]| {
                    list.iter().copied().filter(|one| one.is_ipv4() == is_v4).collect::<Vec<_>>()
                };
                prop_assert_eq!(of(&tried), of(&given));
            }
            // Two of a family in a row only once the other one is used up.
            for (index, pair) in tried.windows(2).enumerate() {
                if pair[0].is_ipv4() == pair[1].is_ipv4() {
                    let rest = &tried[index + 1..];
                    prop_assert!(rest.iter().all(|one| one.is_ipv4() == pair[0].is_ipv4()));
                }
            }
        }
    }
}
