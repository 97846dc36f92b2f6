-- The request comes from a file: header lines, an empty line, the body. What was counted goes out as one JSON line.
function init(args)
  local file = assert(io.open(args[1], "rb"))
  local text = file:read("*a")
  file:close()
  local from, to = text:find("\n\n", 1, true)
  for name, value in text:sub(1, from):gmatch("([^:\n]+): ([^\n]+)\n") do wrk.headers[name] = value end
  wrk.method = "POST"
  wrk.body = text:sub(to + 1)
end

function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format('\n{"calls":%d,"us":%d,"failed":%d,"p50_us":%d,"p99_us":%d}\n', summary.requests, summary.duration,
    e.connect + e.read + e.write + e.status + e.timeout, latency:percentile(50), latency:percentile(99)))
end
