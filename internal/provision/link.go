// This file has the step that makes a symbolic link.

package provision

import (
	"context"
	"errors"

	"github.com/zarya-station/zarya/flash"
)

// Link makes name a symbolic link to target, as root; both are absolute paths. What stands
// at name and is no link is not replaced.
func Link(name string, target Value) flash.Step {
	return (&setting{
		name: "link:" + name, want: target.resolve,
		get: readTablet(func(ctx context.Context, c tablet) (string, error) {
			to, err := c.ReadLink(ctx, name)
			if !errors.Is(err, errNoFile) {
				return to, err
			}
			there, err := c.Exists(ctx, name, true)
			if err == nil && there {
				err = failf(flash.ClassProfile, "remove it first, or name another path", "%s is there, and is no link", name)
			}
			return "", err
		}),
		set: writeTablet(target.resolve, func(ctx context.Context, c tablet, to string) error { return c.Link(ctx, to, name) }),
	}).Step()
}
