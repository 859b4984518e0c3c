FROM python:3.12-slim

RUN useradd --system --create-home --home-dir /var/lib/aispend --shell /usr/sbin/nologin aispend
WORKDIR /opt/aispend

COPY requirements.lock ./
RUN pip install --no-cache-dir --require-hashes -r requirements.lock

COPY . .
RUN pip install --no-cache-dir --no-deps .

USER aispend
ENV AISPEND_HOME=/var/lib/aispend
WORKDIR /var/lib/aispend
ENTRYPOINT ["aispend"]
