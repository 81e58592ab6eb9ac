# Copyright (C) the sparkjob authors
# Licensed under the Apache License, Version 2.0

# The process that runs the statements of R of one session. The driver starts it with the port to call, where it says the secret that
# it finds on its standard input, and hears what is to be done: `start`, `execute` (a statement), `complete`, and with a signal
# `interrupt`; each has a number, which its answer repeats. Answers go by descriptor 4: unlike a socket it is written to without a look
# at interrupts. Both ways go messages: how many fields, and each field's size before its bytes; all numbers are big-endian and of 32
# bits. What code prints goes to the standard output, and behind it, when the statement has ended, the mark that came with it.
#
# An interrupt ends code that runs, and nothing else: it may come late. C's system() ignores the signal while it waits for a process, so
# what has called it looks whether the driver has said the same.

local({

    int <- function(value) writeBin(as.integer(value), raw(), endian = "big")

    exactly <- function(size) {
        bytes <- raw()
        while (length(bytes) < size) {
            # who waits for a socket is interrupted in any case
            more <- tryCatch(readBin(driver, "raw", size - length(bytes)), interrupt = function(e) NULL)
            if (!is.null(more) && length(more) == 0) {
                quit("no", runLast = FALSE)
            }
            bytes <- c(bytes, more)
        }
        bytes
    }

    number <- function() readBin(exactly(4), "integer", endian = "big")

    receive <- function() lapply(seq_len(number()), function(i) exactly(number()))

    send <- function(fields, to = answers) {
        fields <- lapply(fields, function(field) {
            bytes <- if (is.raw(field)) field else charToRaw(enc2utf8(field))
            c(int(length(bytes)), bytes)
        })
        writeBin(c(int(length(fields)), unlist(fields)), to)
        flush(to)
    }

    # while code runs the driver says nothing but that it is to end; and what parallel forks shares our socket
    told <- function() Sys.getpid() == self && socketSelect(list(driver), FALSE, 0)

    # the signal has come
    hear <- function() while (told()) suspendInterrupts(receive())

    heed <- function() {
        if (told()) {
            hear()
            tools::pskill(self, tools::SIGINT)
        }
        # R looks for signals when it sleeps, and at few other places
        Sys.sleep(0)
    }

    # has a function of base, whose last expression calls C's system(), heed interrupts behind that
    watch <- function(name) {
        original <- get(name, baseenv())
        last <- length(body(original))
        body(original)[[last]] <- bquote({ on.exit(.(heed)(), add = TRUE); .(body(original)[[last]]) })
        unlockBinding(name, baseenv())
        assign(name, original, baseenv())
        lockBinding(name, baseenv())
    }

    text <- function(bytes) {
        value <- rawToChar(bytes)
        Encoding(value) <- "UTF-8"
        value
    }

    cut <- function(value, max) {
        bytes <- charToRaw(enc2utf8(value))
        lost <- length(bytes) - max
        if (lost <= 0) bytes else c(bytes[seq_len(max)], charToRaw(sprintf(paste("\n... %d more bytes are left out:",
            "a statement shows %d of what it prints (statement-output-max)"), lost, max)))
    }

    # Spark, by a connection to the driver for each statement: none is older than Spark lets it be, and none has the answer
    # in it that an interrupted statement did not wait for

    connect <- function() {
        spark <- SparkR:::.sparkREnv
        if (exists(".sparkRCon", spark)) {
            tryCatch(close(spark$.sparkRCon), error = function(e) NULL)
            rm(".sparkRCon", envir = spark)
        }
        SparkR:::connectBackend("localhost", backend$port, backend$timeout, backend$secret)
    }

    # after an interrupt the driver may still do what it was asked for: it has one thread for us, and answers when that has ended
    settle <- function() {
        while (tryCatch({ allowInterrupts(connect()); FALSE }, interrupt = function(e) TRUE, error = function(e) FALSE)) {}
    }

    entry <- function(method, ...) SparkR:::callJStatic("sparkjob.driver.REntry", method, ...)

    start <- function(library, port, secret, timeout) {
        if (grepl("\\.zip$", library)) {
            utils::unzip(library, exdir = tempdir())
            library <- tempdir()
        }
        .libPaths(c(library, .libPaths()))
        base::library("SparkR", lib.loc = library, character.only = TRUE, warn.conflicts = FALSE)
        backend <<- list(port = as.integer(port), secret = secret, timeout = as.integer(timeout))
        connect()
        spark <- SparkR:::.sparkREnv
        spark$.scStartTime <- as.integer(Sys.time())
        spark$.sparkRjsc <- entry("context")
        spark$.sparkRsession <- entry("session")
        assign("sc", spark$.sparkRjsc, globalenv())
        assign("spark", spark$.sparkRsession, globalenv())
        options(warn = 1, device = device)
        paste(R.version$major, R.version$minor, sep = ".")
    }

    # a picture for each statement that draws: the last page

    device <- function(...) {
        # code may have removed the folder
        picture <<- tempfile("picture", tempdir(check = TRUE), ".png")
        grDevices::png(picture)
        drawn <<- grDevices::dev.cur()
    }

    drawing <- function() {
        if (!is.null(drawn) && drawn %in% grDevices::dev.list()) {
            grDevices::dev.off(drawn)
        }
        drawn <<- NULL
        bytes <- if (isTRUE(file.exists(picture))) readBin(picture, "raw", file.size(picture)) else raw()
        unlink(picture)
        bytes
    }

    evaluate <- function(id, code) {
        # they would strike what runs behind it, which is ours
        on.exit({ setSessionTimeLimit(); setTimeLimit() })
        connect()
        entry("enter", id)
        for (expr in parse(text = text(code), keep.source = FALSE, encoding = "UTF-8")) {
            result <- withVisible(eval(expr, globalenv()))
            if (result$visible) {
                if (isS4(result$value)) methods::show(result$value) else print(result$value)
            }
            heed()
        }
    }

    # calls of the code, without ours before it and that of the handler behind

    stack <- function(calls) {
        ours <- which(vapply(calls, identical, NA, quote(eval(expr, globalenv()))))
        last <- length(calls) - 1
        if (identical(calls[[last]][[1]], quote(.handleSimpleError))) {
            last <- last - 1
        }
        if (length(ours) < 2) list() else utils::tail(calls[seq_len(max(0, last - ours[2])) + ours[2]], 50)
    }

    line <- function(call) deparse(call, 120, nlines = 1)[1]

    words <- function(e, calls) {
        call <- conditionCall(e)
        # at the top it is one of evaluate()
        ours <- identical(call, quote(eval(expr, globalenv()))) || length(calls) == 0 && identical(call[[1]], quote(parse))
        said <- conditionMessage(e)
        if (is.null(call) || ours) {
            return(paste("Error:", said))
        }
        # R has so many columns for the first line
        head <- c("Error in  : ", line(call), sub("\n.*", "", said, useBytes = TRUE))
        paste0("Error in ", line(call), " : ", if (isTRUE(sum(nchar(head, "width", allowNA = TRUE)) > 73)) "\n  ", said)
    }

    # the fields of the answer

    attempt <- function(id, code, max) {
        calls <- list()
        tryCatch(
            withRestarts({
                withCallingHandlers(allowInterrupts(evaluate(id, code)),
                    error = function(e) calls <<- stack(sys.calls()), interrupt = function(e) hear())
                list("ok")
            }, abort = function() list("Error: aborted")),
            interrupt = function(e) {
                settle()
                list("Error: interrupted")
            },
            error = function(e) {
                said <- tryCatch(words(e, calls), error = function(e) "Error: its message cannot be had")
                lapply(c(said, sprintf("%s\n", vapply(calls, line, ""))), cut, max)
            })
    }

    execute <- function(id, code, max, mark) {
        # what came when nothing ran
        tryCatch(allowInterrupts(Sys.sleep(0)), interrupt = function(e) NULL)
        answer <- attempt(text(id), code, as.integer(text(max)))
        image <- tryCatch(drawing(), error = function(e) raw())
        # which is C's own as well
        flush(stdout())
        writeBin(mark, output)
        flush(output)
        if (identical(answer, list("ok"))) list("ok", image) else c(list("error"), answer)
    }

    complete <- function(code) {
        utils:::.assignLinebuffer(code)
        utils:::.assignEnd(nchar(code))
        utils:::.guessTokenFromLine()
        utils:::.completeToken()
        sub("( = |\\()$", "", sub("^.*([$@]|:::?)", "", utils:::.retrieveCompletions()))
    }

    handlers <- list(
        start = function(...) tryCatch(
            list("ready", do.call(start, lapply(list(...), text))),
            error = function(e) list("failed", conditionMessage(e))),
        execute = execute,
        # the code has ended meanwhile
        interrupt = function() list(),
        complete = function(code) tryCatch(as.list(complete(text(code))), error = function(e) list()))

    self <- Sys.getpid()
    backend <- NULL
    drawn <- NULL
    picture <- NULL
    output <- file("/dev/stdout", "wb", raw = TRUE)
    answers <- file("/dev/fd/4", "wb", raw = TRUE)
    driver <- socketConnection("127.0.0.1", as.integer(commandArgs(TRUE)), blocking = TRUE, open = "r+b", timeout = 2^31 - 1)
    for (name in c("system", "system2")) {
        watch(name)
    }
    suspendInterrupts({
        send(list(readLines("stdin", 1)), driver)
        repeat {
            message <- receive()
            send(c(message[1], do.call(handlers[[rawToChar(message[[2]])]], message[-(1:2)])))
        }
    })

}, new.env(parent = .BaseNamespaceEnv))
