"""A predictor behind HTTP: one process, no TensorFlow, no PyTorch.

    server.py       the process: sockets, slow clients, signals, an end without loss
    app.py          the door of every request (key, host, limits, headers), and the list of routes
    endpoints.py    what each route does
    answering.py    what they share: a request's body, its texts, and who waits for the answer
    protocols.py    what other servers' clients send and expect: TEI, Hugging Face, MLflow
    kserve.py       and those of KServe
    bulk.py         whole tables in and out
    batching.py     texts of many requests computed together
    hosting.py      the predictors by name, and how one is replaced while it is used
    limits.py       what is refused, and how
    instruments.py  what Prometheus reads
    openapi.py      /openapi.json, from the list of routes
    static/         pages

An event loop takes requests in and gives answers out; one thread tokenizes and computes. It never
waits for a batch to fill: it takes what has come while it was busy.
"""
