//! Networks in CIDR notation.

use std::fmt;
use std::net::IpAddr;

use super::snapshot::Network;

/// Why a text is no network, as a sentence that says what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidNetwork(pub String);

impl Network {
    /// Reads `10.0.0.0/8`, `2001:db8::/32` or a single address. IPv4-mapped IPv6 networks become
    /// IPv4 ones.
    ///
    /// # Errors
    /// When it is neither, when the prefix is longer than the address, or when bits beyond the prefix
    /// are set: whoever wrote `10.1.2.3/8` may have meant `10.1.2.3`.
    pub fn parse(text: &str) -> Result<Self, InvalidNetwork> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let Ok(address) = address.parse::<IpAddr>() else {
            return Err(InvalidNetwork(format!(
                "`{text}` is no network: write an address and a prefix length, such as 10.0.0.0/8 or 2001:db8::/32"
            )));
        };
        let bits = width(address);
        let prefix = prefix.map_or(Some(bits), |prefix| read_prefix(prefix, bits)).ok_or_else(|| {
            InvalidNetwork(format!("`{text}` has no valid prefix length: write a number from 0 to {bits}"))
        })?;
        let network = Self { address: masked(address, prefix), prefix };
        if network.address == address {
            Ok(network.canonical())
        } else {
            Err(InvalidNetwork(format!(
                "`{text}` sets bits beyond its prefix: write {network} for the network or {address} for the one address"
            )))
        }
    }

    /// Whether `address` is in this network. An IPv4-mapped IPv6 address is its IPv4 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.address.is_ipv4() && masked(address, self.prefix) == self.address
    }

    /// `::ffff:10.0.0.0/104` as `10.0.0.0/8`.
    fn canonical(self) -> Self {
        // The last bit of the mark is set, so no prefix is shorter than the mark.
        const MARK: u8 = 96;
        if let IpAddr::V6(v6) = self.address
            && let Some(v4) = v6.to_ipv4_mapped()
            && let Some(prefix) = self.prefix.checked_sub(MARK)
        {
            return Self { address: v4.into(), prefix };
        }
        self
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn read_prefix(text: &str, bits: u8) -> Option<u8> {
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let prefix = text.parse::<u8>().ok().filter(|_| plain)?;
    (prefix <= bits).then_some(prefix)
}

fn masked(address: IpAddr, prefix: u8) -> IpAddr {
    let host_bits = u32::from(width(address).saturating_sub(prefix));
    match address {
        IpAddr::V4(v4) => {
            IpAddr::V4((v4.to_bits() & u32::MAX.checked_shl(host_bits).unwrap_or_default()).into())
        }
        IpAddr::V6(v6) => {
            IpAddr::V6((v6.to_bits() & u128::MAX.checked_shl(host_bits).unwrap_or_default()).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(network: &str, address: &str) -> bool {
        Network::parse(network).unwrap().contains(address.parse().unwrap())
    }

    #[test]
    fn a_network_holds_its_first_and_last_address_and_no_neighbour() {
        for (network, first, last, before, after) in [
            ("10.0.0.0/8", "10.0.0.0", "10.255.255.255", "9.255.255.255", "11.0.0.0"),
            ("192.0.2.128/25", "192.0.2.128", "192.0.2.255", "192.0.2.127", "192.0.3.0"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.7", "192.0.2.6", "192.0.2.8"),
            ("2001:db8::/32", "2001:db8::", "2001:db8:ffff:ffff:ffff::ffff", "2001:db7::", "2001:db9::"),
            ("fe80::1", "fe80::1", "fe80::1", "fe80::", "fe80::2"),
        ] {
            assert!(contains(network, first) && contains(network, last), "{network}");
            assert!(!contains(network, before) && !contains(network, after), "{network}");
        }
        assert!(contains("0.0.0.0/0", "203.0.113.9") && !contains("0.0.0.0/0", "2001:db8::1"));
        assert!(contains("::/0", "2001:db8::1") && !contains("::/0", "203.0.113.9"));
    }

    #[test]
    fn an_ipv4_mapped_address_is_its_ipv4_address() {
        assert!(contains("10.0.0.0/8", "::ffff:10.1.2.3"));
        assert!(contains("::ffff:10.0.0.0/104", "10.1.2.3"));
        for (written, meant) in [("::ffff:10.0.0.0/104", "10.0.0.0/8"), ("::ffff:0:0/96", "0.0.0.0/0")] {
            assert_eq!(Network::parse(written).unwrap().to_string(), meant);
        }
        assert!(Network::parse("::ffff:0:0/95").is_err());
    }

    #[test]
    fn broken_networks_say_what_to_write() {
        for text in [
            "",
            "10",
            "10.0.0.0/",
            "10.0.0.0/33",
            "10.0.0.0/-1",
            "10.0.0.0/+8",
            "::/129",
            "10.0.0.0/8/8",
            "example.com",
            "10.0.0.0 /8",
            "10.0.0.0/ 8",
            "010.0.0.0/8",
        ] {
            assert!(Network::parse(text).is_err(), "{text:?} was taken");
        }
        let error = Network::parse("10.1.2.3/8").unwrap_err().0;
        assert!(error.contains("10.0.0.0/8") && error.contains("10.1.2.3 for"), "{error}");
    }
}
