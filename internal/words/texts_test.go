package words

import (
	"go/ast"
	"go/token"
	"strconv"
)

// alternatives are the texts that an expression can be, as formats.
func alternatives(e ast.Expr) []string {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind == token.STRING {
			if text, err := strconv.Unquote(e.Value); err == nil {
				return []string{text}
			}
		}
	case *ast.ParenExpr:
		return alternatives(e.X)
	case *ast.BinaryExpr:
		if e.Op != token.ADD {
			return nil
		}
		left, right := alternatives(e.X), alternatives(e.Y)
		if left == nil && right == nil {
			return nil
		}
		var all []string
		for _, x := range orVerb(left) {
			for _, y := range orVerb(right) {
				all = append(all, x+y)
			}
		}
		return all
	case *ast.CallExpr:
		switch lastName(e.Fun) {
		case "Sprintf":
			return alternatives(e.Args[0])
		case "Or":
			var all []string
			for _, a := range e.Args {
				all = append(all, orVerb(alternatives(a))...)
			}
			return all
		}
	}
	return nil
}

func orVerb(texts []string) []string {
	if texts == nil {
		return []string{"%v"}
	}
	return texts
}

// normal is a format with all its verbs alike.
func normal(text string) string {
	return formatVerb.Get().ReplaceAllStringFunc(text, func(v string) string {
		if v == "%%" {
			return v
		}
		return "%v"
	})
}
