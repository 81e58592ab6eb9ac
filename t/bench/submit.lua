-- for wrk: POST without a body; how many were accepted, and in how many microseconds

local threads = {}

wrk.method = "POST"
wrk.body = ""

function setup(thread)
    table.insert(threads, thread)
end

function init(args)
    accepted = 0
end

function response(status, headers, body)
    if status == 202 then
        accepted = accepted + 1
    end
end

function done(summary, latency, requests)
    local all = 0
    for _, thread in ipairs(threads) do
        all = all + thread:get("accepted")
    end
    io.write(string.format("accepted %d in %d\n", all, summary.duration))
end
