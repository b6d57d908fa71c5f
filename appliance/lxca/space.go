package lxca

import (
	"context"
	"fmt"

	"holdfast/appliance"
)

// Space tells how full the appliance's own repository is (api/lxca.md 3.6).
func (c *Client) Space(ctx context.Context) (appliance.Space, error) {
	a, err := c.send(ctx, get(pathRepository))
	if err != nil {
		return appliance.Space{}, fmt.Errorf("ask for repository space: %w", err)
	}
	v, err := a.listing()
	if err != nil {
		return appliance.Space{}, fmt.Errorf("ask for repository space: %w", err)
	}
	space, err := decodeSpace(v)
	if err != nil {
		return appliance.Space{}, fmt.Errorf("ask for repository space: %w", err)
	}
	space.Stamp = a.Stamp
	return space, nil
}

// decodeSpace reads the two sizes. The vendor names no unit: a bare number is taken for bytes, one with letters is only
// shown.
func decodeSpace(v value) (appliance.Space, error) {
	if r := v.get("response"); r.kind == object {
		v = r
	}
	used, total := v.get("spaceUsed"), v.get("totalSpace")
	if used.word() == "" && total.word() == "" {
		return appliance.Space{}, malformed("neither spaceUsed nor totalSpace in the answer")
	}
	space := appliance.Space{Used: -1, Total: -1, Text: appliance.Words(orUnknown(used) + " / " + orUnknown(total))}
	if n, ok := used.count(); ok {
		space.Used = n
	}
	if n, ok := total.count(); ok {
		space.Total = n
	}
	return space, nil
}

// orUnknown is what a value says, or that it says nothing.
func orUnknown(v value) string {
	if w := v.word(); w != "" {
		return w
	}
	return "unknown"
}
