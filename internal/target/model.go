// This file asks a tablet on USB what it is, without writing anything.

package target

import (
	"context"

	"github.com/zarya-station/zarya/flash/fastboot"
	"github.com/zarya-station/zarya/usb"
)

// Model returns what the tablet in the port says it is: by its USB descriptors, through
// adb, or by its bootloader. "" is not reported.
func (t USB) Model(ctx context.Context) (string, error) {
	d, err := t.Device()
	if err != nil {
		return "", err
	}
	switch model := d.Model(); {
	case model != "":
		return model, nil
	case d.Mode == usb.ADB:
		running, err := t.Android(ctx)
		return running.Model, err
	case !d.Mode.Flashing():
		return "", nil
	}
	wire, err := t.Fastboot(ctx)
	if err != nil {
		return "", err
	}
	c := fastboot.NewClient(wire, fastboot.Options{})
	defer func() { _ = c.Close() }() // it has answered
	product, err := c.Product(ctx)
	return product.Value, err
}
