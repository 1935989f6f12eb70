// Package registry brings bundles to and from OCI registries, and keeps those that came in
// a store of this machine.
//
// A bundle in a registry is one manifest of the OCI image format, and each of its files a
// blob by itself, named by its digest:
//
//	oci://HOST/REPO:TAG ──► OCI manifest (sha256:…)
//	                          ├── manifest.json       what is signed
//	                          ├── manifest.json.sig
//	                          └── images/system.img …  a blob each
//
// So an image that did not change from one version to the next is one blob: it is neither
// sent, nor fetched, nor stored again. The same bundle makes the same OCI manifest, so its
// digest names it. A folder in the OCI image layout (on a USB stick, say) is as good a
// source as a registry, and a mirror is asked first where there is one.
//
// Nothing that comes in is believed: sizes are bounded before anything is read, every blob
// is held to its digest while it arrives, the names of files are those of the bundle's own
// manifest, and that is held to its signature before the first image is fetched
// ([Client.Pull]'s gate). [Store] has the blobs by their digests; a bundle is opened where
// its blobs lie and nothing is copied. Blobs that broke off are gone on with, by this
// process or the next.
//
// Package follow looks at tags now and then, and has what it finds taken over.
package registry
