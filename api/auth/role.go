package auth

import "fmt"

// Role is what somebody may do; each may do what those before it may.
type Role uint8

// The roles.
const (
	None     Role = iota
	Viewer        // looks at queries, tables and metrics
	Author        // checks, submits and drops queries, and looks at their events
	Operator      // runs the server: savepoints, back-ups
	Admin         // everything
)

var roleNames = [...]string{"none", "viewer", "author", "operator", "admin"}

// String names the role.
func (r Role) String() string { return roleNames[r] }

// MarshalText implements encoding.TextMarshaler.
func (r Role) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *Role) UnmarshalText(text []byte) error {
	for i := Viewer; i <= Admin; i++ {
		if i.String() == string(text) {
			*r = i
			return nil
		}
	}
	return fmt.Errorf("role '%s': expected viewer, author, operator or admin", text)
}

// Principal is somebody who asks.
type Principal struct {
	Name string
	Role Role
}
