package function

import (
	"fmt"
	"math"

	"github.com/cepd/cepd/internal/event"
	"github.com/cepd/cepd/internal/expr"
)

var geoFuncs = []*expr.Func{
	define("geo", "GEO_DISTANCE(latitude, longitude, latitude, longitude [, unit])",
		"Distance of two points on the earth, which are in degrees, in 'KM' (default), 'M' or 'MI': the great circle on a sphere of 6371.0088 km, within 0.6 % of the ellipsoid.",
		sig(event.TFloat64, 4, pDouble, pDouble, pDouble, pDouble, pString), geoDistance,
		"ROUND(GEO_DISTANCE(52.52, 13.405, 48.8566, 2.3522), 1)", "877.5", "GEO_DISTANCE(0, 0, 0, 0, 'M')", "0.0"),
}

// earthRadius is the mean radius of the earth (IUGG), in km.
const earthRadius = 6371.0088

var geoUnits = map[string]float64{"KM": 1, "M": 1000, "MI": 1 / 1.609344}

// geoDistance is the haversine formula, which is exact for small distances too.
func geoDistance(_ *expr.Context, a []event.Value, out *event.Value) error {
	unit := 1.0
	if len(a) > 4 {
		u, ok := geoUnits[string(a[4].S)]
		if !ok {
			return fmt.Errorf("GEO_DISTANCE: the unit is 'KM', 'M' or 'MI', not '%s'", clip(a[4].S))
		}
		unit = u
	}
	lat1, lon1, lat2, lon2 := a[0].F(), a[1].F(), a[2].F(), a[3].F()
	if math.Abs(lat1) > 90 || math.Abs(lat2) > 90 || math.Abs(lon1) > 180 || math.Abs(lon2) > 180 {
		return fmt.Errorf("GEO_DISTANCE: latitudes are from -90 to 90 and longitudes from -180 to 180, not (%g, %g) and (%g, %g)", lat1, lon1, lat2, lon2)
	}
	const radian = math.Pi / 180
	half := func(x float64) float64 { s := math.Sin(x * radian / 2); return s * s }
	h := half(lat2-lat1) + math.Cos(lat1*radian)*math.Cos(lat2*radian)*half(lon2-lon1)
	*out = event.FloatValue(2 * earthRadius * math.Asin(math.Sqrt(min(1, h))) * unit)
	return nil
}
