package limit

import "net/netip"

// address is where a caller is: of IPv6 the network of 64 bits, as one host has
// all of it; zero for what is no address of the internet.
type address netip.Addr

// addressOf is the address of a RemoteAddr. It is not far if it is this
// machine's.
func addressOf(remote string) (at address, far bool) {
	ap, err := netip.ParseAddrPort(remote)
	ip := ap.Addr()
	if err != nil {
		if ip, err = netip.ParseAddr(remote); err != nil {
			return address{}, true // all of them together
		}
	}
	ip = ip.Unmap().WithZone("")
	if ip.IsLoopback() {
		return address(ip), false
	}
	if ip.Is6() {
		all := ip.As16()
		clear(all[8:])
		ip = netip.AddrFrom16(all)
	}
	return address(ip), true
}
