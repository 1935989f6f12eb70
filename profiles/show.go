// This file prints a profile as it is understood, with where each value came from.

package profiles

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"

	"gopkg.in/yaml.v3"
)

// Resolved is the profile as a document: what it extends is in it, what was left out is
// put in, secrets are hidden, and a comment says for each value where it stands. It can be
// loaded again.
func (p *Profile) Resolved() (*yaml.Node, error) {
	text, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	var doc yaml.Node // JSON is YAML; the order of the keys is kept
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	p.origins(&doc, "")
	root := doc.Content[0] // a profile is a mapping
	root.Content = append([]*yaml.Node{{Kind: yaml.ScalarNode, Value: "zarya"}, {Kind: yaml.ScalarNode, Value: "1"}}, root.Content...)
	return &doc, nil
}

func (p *Profile) origins(n *yaml.Node, pointer string) {
	n.Style = 0 // not JSON's braces and quotes
	switch n.Kind {
	case yaml.DocumentNode:
		for _, c := range n.Content {
			p.origins(c, pointer)
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			n.Content[i].Style = 0
			p.origins(n.Content[i+1], pointer+"/"+escape(n.Content[i].Value))
		}
	case yaml.SequenceNode:
		for i, c := range n.Content {
			p.origins(c, pointer+"/"+strconv.Itoa(i))
		}
	default:
		n.LineComment = "left out"
		if where, ok := p.tree.places[pointer]; ok && where.value != nil {
			n.LineComment = fmt.Sprintf("%s:%d", filepath.Base(where.file), where.value.Line)
		}
	}
}
