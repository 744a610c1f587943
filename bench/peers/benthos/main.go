// SPDX-License-Identifier: Apache-2.0
// Benthos core with its pure and I/O components, and one Bloblang method, geoip_country, that does
// what Redpanda Connect's own method of that name does: open the database once, look a text up.
package main

import (
	"context"
	"net/netip"

	"github.com/oschwald/maxminddb-golang/v2"
	"github.com/redpanda-data/benthos/v4/public/bloblang"
	_ "github.com/redpanda-data/benthos/v4/public/components/io"
	_ "github.com/redpanda-data/benthos/v4/public/components/pure"
	"github.com/redpanda-data/benthos/v4/public/service"
)

func main() {
	spec := bloblang.NewPluginSpec().Param(bloblang.NewStringParam("path"))
	lookUp := func(args *bloblang.ParsedParams) (bloblang.Method, error) {
		path, err := args.GetString("path")
		if err != nil {
			return nil, err
		}
		db, err := maxminddb.Open(path)
		if err != nil {
			return nil, err
		}
		return bloblang.StringMethod(func(s string) (any, error) {
			ip, err := netip.ParseAddr(s)
			if err != nil {
				return nil, err
			}
			var rec struct {
				Code string `maxminddb:"country_code"`
			}
			err = db.Lookup(ip).Decode(&rec)
			return rec.Code, err
		}), nil
	}
	if err := bloblang.RegisterMethodV2("geoip_country", spec, lookUp); err != nil {
		panic(err)
	}
	service.RunCLI(context.Background())
}
